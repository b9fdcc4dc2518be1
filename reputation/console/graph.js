// A cluster by Cytoscape: members around the values that they share. Drawn only where somebody looks at one.
import { colour } from "./charts.js";

const MOST_MEMBERS = 60;

/** Draw `found`, one cluster as the API tells it. A member or a value is left for its table; a tap on a member goes there. */
export async function drawGraph(context, holder, found) {
    const { default: cytoscape } = await import("./libraries/cytoscape.esm.min.js");
    if (context.signal.aborted) return;
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const graph = cytoscape({ container: holder, elements: parts(found), style: look(), layout: layout(),
        userZoomingEnabled: false, boxSelectionEnabled: false, autoungrabify: false });
    graph.on("tap", "node.member", (event) => { location.hash = context.link("accounts", event.target.data("label")); });
    graph.on("mouseover", "node", (event) => event.target.closedNeighborhood().addClass("near"));
    graph.on("mouseout", "node", (event) => event.target.closedNeighborhood().removeClass("near"));
    dark.addEventListener("change", () => graph.style(look()), { signal: context.signal });
    context.signal.addEventListener("abort", () => graph.destroy());
}

function parts(found) {
    const drawn = found.drawn ?? found.members.slice(0, MOST_MEMBERS).map(([name]) => name);
    const members = drawn.map((name, i) => ({ data: { id: `m${i}`, label: name }, classes: "member" }));
    const values = found.evidence.map((line, i) =>
        ({ data: { id: `v${i}`, label: `${line.kind} ${shortened(line.value)}`, size: 14 + Math.min(line.nats, 400) / 16 }, classes: "value" }));
    const edges = found.evidence.flatMap((line, i) => (line.holders ?? []).map((member) =>
        ({ data: { id: `e${i}-${member}`, source: `v${i}`, target: `m${member}` } })));
    return [...members, ...values, ...edges];
}

const shortened = (text) => (text.length > 28 ? `${text.slice(0, 27)}…` : text);

/** Always the same picture of the same cluster: no chance in it. */
const layout = () => ({ name: "cose", animate: false, randomize: false, nodeRepulsion: () => 9000, idealEdgeLength: () => 60,
    numIter: 600, padding: 16, nodeDimensionsIncludeLabels: true });

function look() {
    const text = { "font-family": "system-ui, sans-serif", "font-size": 9, color: colour("text"), "text-valign": "bottom",
        "text-margin-y": 3, "min-zoomed-font-size": 6 };
    return [
        { selector: "node.member", style: { ...text, label: "data(label)", width: 9, height: 9, color: colour("quiet"),
            "background-color": colour("member"), "text-max-width": 90, "text-wrap": "ellipsis" } },
        { selector: "node.value", style: { ...text, label: "data(label)", width: "data(size)", height: "data(size)", shape: "round-rectangle",
            "background-color": colour("accent"), "font-weight": "bold", "font-size": 10 } },
        { selector: "edge", style: { width: 0.8, "line-color": colour("edge"), "curve-style": "haystack", opacity: 0.8 } },
        { selector: ".near", style: { "line-color": colour("accent"), opacity: 1, "z-index": 9 } },
    ];
}
