// A cluster by Cytoscape: members in the middle, grouped by what they share, and those values on both sides.
import { colour } from "./charts.js";

const MOST_MEMBERS = 60;
const ROW = 10; // members side by side in a group
const STEP = 17; // pixels from one member to the next
const GAP = 34; // between two groups
const LINE = 32; // between two values
const NAMED = 16; // members whose names are written; of more only that under the pointer

/** Which colour a family has, in the graph and in its legend. */
export const familyColours = (found) =>
    new Map([...new Set(found.evidence.map((line) => line.family))].map((name, i) => [name, `scope-${i % 5}`]));

/** Draw `found`, one cluster as the API tells it. A tap on a member leads to it; the tables have everything drawn. */
export async function drawGraph(context, holder, found) {
    const { default: cytoscape } = await import("./libraries/cytoscape.esm.min.js");
    if (context.signal.aborted) return;
    const groups = grouped(found);
    const height = Math.max(tall(groups), Math.ceil(found.evidence.length / 2) * LINE) + 40;
    holder.style.height = `${height}px`;
    const graph = cytoscape({
        container: holder,
        elements: parts(found, groups, holder.clientWidth, height),
        style: look(found),
        layout: { name: "preset", fit: false },
        userZoomingEnabled: false,
        userPanningEnabled: false,
        boxSelectionEnabled: false,
        autoungrabify: true,
    });
    graph.on("tap", "node.member", (event) => {
        location.hash = context.link("accounts", event.target.data("label"));
    });
    graph.on("mouseover", "node", (event) => event.target.closedNeighborhood().addClass("near"));
    graph.on("mouseout", "node", (event) => event.target.closedNeighborhood().removeClass("near"));
    const size = new ResizeObserver(() => {
        for (const { data, position } of parts(found, groups, holder.clientWidth, height)) {
            if (position) graph.getElementById(data.id).position(position);
        }
    });
    size.observe(holder);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => graph.style(look(found)), {
        signal: context.signal,
    });
    context.signal.addEventListener("abort", () => {
        size.disconnect();
        graph.destroy();
    });
    holder.dataset.drawn = String(graph.nodes(".member").length);
}

/** Members with the same values are one group: {members, values}, the largest first. */
function grouped(found) {
    const drawn = found.drawn.length ? found.drawn : found.members.slice(0, MOST_MEMBERS).map(([name]) => name);
    const groups = new Map();
    drawn.forEach((label, member) => {
        const values = found.evidence.flatMap(({ holders }, i) => (holders.includes(member) ? [i] : []));
        const group = groups.get(values.join()) ?? { values, members: [] };
        group.members.push({ label, member });
        groups.set(values.join(), group);
    });
    return [...groups.values()].sort((one, other) => other.members.length - one.members.length);
}

const rows = (group) => Math.ceil(group.members.length / ROW);
const tall = (groups) => groups.reduce((sum, group) => sum + rows(group) * STEP + GAP, 0) - GAP;

function parts(found, groups, width, height) {
    const few = found.drawn.length <= NAMED;
    let y = (height - tall(groups)) / 2;
    const inGroups = groups.flatMap((group, i) => {
        const top = y;
        y += rows(group) * STEP + GAP;
        const across = Math.min(group.members.length, ROW);
        return [
            { data: { id: `g${i}`, label: `${group.members.length}` }, classes: "group" },
            ...group.members.map(({ label, member }, n) => ({
                data: { id: `m${member}`, parent: `g${i}`, label },
                classes: few ? "member named" : "member",
                position: {
                    x: width / 2 + ((n % ROW) - (across - 1) / 2) * (few ? 2.6 : 1) * STEP,
                    y: top + (Math.floor(n / ROW) + 0.5) * STEP,
                },
            })),
        ];
    });
    const values = found.evidence.map((line, i) => {
        const left = i % 2 === 0;
        const count = left ? Math.ceil(found.evidence.length / 2) : Math.floor(found.evidence.length / 2);
        return {
            data: {
                id: `v${i}`,
                label: `${line.kind} ${shortened(line.value)}`,
                family: line.family,
                size: 10 + Math.min(line.nats, 300) / 30,
            },
            classes: left ? "value left" : "value right",
            position: { x: width * (left ? 0.27 : 0.73), y: height / 2 + (Math.floor(i / 2) - (count - 1) / 2) * LINE },
        };
    });
    const edges = groups.flatMap((group, i) =>
        group.values.map((value) => ({
            data: { id: `e${i}-${value}`, source: `v${value}`, target: `g${i}`, width: 1 + group.members.length / 15 },
        })),
    );
    return [...inGroups, ...values, ...edges];
}

const shortened = (text) => (text.length > 34 ? `${text.slice(0, 33)}…` : text);

function look(found) {
    const text = { "font-family": "system-ui, sans-serif", "font-size": 11, color: colour("text") };
    return [
        {
            selector: ".group",
            style: {
                ...text,
                label: "data(label)",
                shape: "round-rectangle",
                "background-color": colour("raised"),
                "border-color": colour("edge"),
                "border-width": 1,
                padding: 7,
                color: colour("quiet"),
                "text-valign": "top",
                "text-halign": "center",
                "text-margin-y": -1,
            },
        },
        {
            selector: ".member",
            style: {
                ...text,
                width: 9,
                height: 9,
                "background-color": colour("member"),
                "text-valign": "bottom",
                "text-margin-y": 2,
                "font-size": 9,
            },
        },
        {
            selector: ".member.named, .member.near",
            style: {
                label: "data(label)",
                "z-index": 10,
                "text-background-color": colour("raised"),
                "text-background-opacity": 0.9,
                "text-max-width": 120,
                "text-wrap": "ellipsis",
            },
        },
        {
            selector: ".value",
            style: {
                ...text,
                label: "data(label)",
                width: "data(size)",
                height: "data(size)",
                shape: "round-rectangle",
                "text-valign": "center",
            },
        },
        { selector: ".left", style: { "text-halign": "left", "text-margin-x": -6 } },
        { selector: ".right", style: { "text-halign": "right", "text-margin-x": 6 } },
        ...[...familyColours(found)].map(([name, of]) => ({
            selector: `.value[family = ${JSON.stringify(name)}]`,
            style: { "background-color": colour(of) },
        })),
        {
            selector: "edge",
            style: { width: "data(width)", "line-color": colour("edge"), "curve-style": "bezier", opacity: 0.7 },
        },
        { selector: ".near", style: { "line-color": colour("accent"), opacity: 1, "z-index": 9 } },
    ];
}
