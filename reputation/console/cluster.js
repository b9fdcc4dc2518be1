// One cluster: what can be done about it, what links its members, drawn and in words, and who is in it.
import { path, read } from "./api.js";
import { anchor, element, facts, panel } from "./elements.js";
import { number, percent, time } from "./format.js";
import { drawGraph, familyColours } from "./graph.js";
import { rulings } from "./rulings.js";
import { Table } from "./table.js";

const A_PAGE = 1000;
const PAGES = 5;

export const title = (id) => `Cluster ${id}`;

export async function show(context) {
    const found = await whole(context);
    const graph = element("div", { class: "graph", role: "img", "aria-label": graphWords(found) });
    requestAnimationFrame(() => drawGraph(context, graph, found).catch((error) => context.say(error.message)));
    return [
        panel("Decision", element("p", { id: "sentence" }, found.sentence), await rulings(context, found.id)),
        element("div", { class: "two" }, panel("Standing", standing(found)), panel("Evidence", evidence(found).node)),
        panel("Members and what they share", legend(found), graph, element("p", { class: "quiet" }, graphNote(found))),
        panel("Members", members(context, found).node),
    ];
}

/** The cluster with up to PAGES pages of its members. */
async function whole(context) {
    const page = (offset) =>
        read(path(["clusters", context.what], { tenant: context.tenant, limit: A_PAGE, offset }), context.signal);
    const found = await page(0);
    for (let n = 1; n < PAGES && found.who.length < found.size; n++) {
        const { who } = await page(n * A_PAGE);
        if (!who.length) break;
        found.who.push(...who);
    }
    return { ...found, listed: found.who.length };
}

function standing(found) {
    return facts([
        ["Accounts", number(found.size)],
        ["Confidence", percent(found.confidence)],
        ["Standing", `${found.standing}: ${found.why}`],
        ["Since", time(found.since)],
        ["Demand", `${number(found.demand)} requests a day together`],
        ["Share", `at most ${number(found.level)} a day for each member`],
        ["Evidence", found.families.join(", ")],
    ]);
}

function evidence(found) {
    const table = new Table(
        "Evidence",
        [
            { title: "What its members share", cell: (row) => element("span", { class: "wrap" }, row.words) },
            { title: "Family", cell: (row) => row.family },
        ],
        { size: Infinity, empty: "no evidence from the linker yet" },
    );
    table.set(found.evidence);
    return table;
}

function members(context, found) {
    const table = new Table(
        `Members${found.listed < found.size ? `, ${number(found.listed)} of ${number(found.size)}` : ""}`,
        [
            {
                title: "Account",
                value: (row) => row.account,
                cell: (row) => anchor(context.link("accounts", row.account), element("span", { class: "clip" }, row.account)),
            },
            { title: "Created", value: (row) => row.created_at ?? 0, cell: (row) => time(row.created_at) },
            { title: "Plan", value: (row) => row.plan ?? "", cell: (row) => row.plan ?? "–" },
            { title: "Payer", value: (row) => row.payer, cell: (row) => (row.payer ? "yes" : "no") },
            { title: "Settled USD", numeric: true, value: (row) => row.settled_usd ?? 0, cell: (row) => number(row.settled_usd) },
            { title: "Label", value: (row) => row.label ?? "", cell: (row) => row.label ?? "–" },
            { title: "Last seen", value: (row) => row.last_seen ?? 0, cell: (row) => time(row.last_seen) },
            { title: "Let through", numeric: true, value: (row) => row.passed, cell: (row) => number(row.passed) },
            { title: "Stopped", numeric: true, value: (row) => row.stopped, cell: (row) => number(row.stopped) },
            { title: "Confidence", numeric: true, value: (row) => row.confidence, cell: (row) => percent(row.confidence) },
        ],
        { words: (row) => row.account, size: 15 },
    );
    table.set(found.who);
    return table;
}

const graphWords = (found) =>
    `Graph: ${found.members.length} members around ${found.evidence.length} shared values: ${found.evidence
        .slice(0, 5)
        .map((line) => `${line.members} share ${line.kind} ${line.value}`)
        .join("; ")}`;

const legend = (found) =>
    element(
        "p",
        { class: "legend" },
        [...familyColours(found)].map(([name, colour]) =>
            element("span", {}, element("i", { class: `swatch swatch-${colour}` }), name),
        ),
    );

const graphNote = (found) =>
    `A box holds members who share the same values. ${
        found.drawn.length && found.drawn.length < found.size
            ? `${number(found.drawn.length)} of ${number(found.size)} members are drawn; the tables list all of them.`
            : "The tables list everything in the drawing."
    }`;
