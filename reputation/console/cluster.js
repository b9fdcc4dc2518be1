// One cluster: how sure, what links its members, drawn and in words, and an operator's word on it.
import { call, path, read } from "./api.js";
import { anchor, choice, element, facts, field, panel } from "./elements.js";
import { operatorForm } from "./form.js";
import { number, percent, time } from "./format.js";
import { drawGraph, familyColours } from "./graph.js";
import { Table } from "./table.js";

export const title = (id) => `Cluster ${id}`;

const RULINGS = [
    ["bless", "bless: allow-list it, never restrain it"],
    ["split", "split: do not link its members again"],
    ["forget", "forget: withdraw an earlier ruling"],
];

export async function show(context) {
    const found = await read(path(["clusters", context.what], { tenant: context.tenant }), context.signal);
    const graph = element("div", { class: "graph", role: "img", "aria-label": graphWords(found) });
    requestAnimationFrame(() => drawGraph(context, graph, found).catch((error) => context.say(error.message)));
    return [
        element("div", { class: "two" }, panel("Standing", standing(found)), panel("Evidence", evidence(found).node)),
        panel("Members and what they share", legend(found), graph, element("p", { class: "quiet" }, graphNote(found))),
        element(
            "div",
            { class: "two" },
            panel("Members", members(context, found).node),
            panel("Decision", orderForm(context, found)),
        ),
    ];
}

function standing(found) {
    return facts([
        ["Accounts", number(found.size)],
        ["Confidence", percent(found.confidence)],
        ["Standing", found.standing],
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
            { title: "Shared value", cell: (row) => element("span", { class: "clip" }, `${row.kind} ${row.value}`) },
            { title: "Family", cell: (row) => row.family },
            { title: "Members", numeric: true, cell: (row) => `${number(row.members)} of ${number(found.size)}` },
            { title: "Others", numeric: true, cell: (row) => percent(row.share) },
            { title: "Nats", numeric: true, cell: (row) => number(row.nats) },
        ],
        { size: Infinity, empty: "no evidence from the linker yet" },
    );
    table.set(found.evidence);
    return table;
}

function members(context, found) {
    const table = new Table(
        "Members",
        [
            {
                title: "Account",
                value: ([name]) => name,
                cell: ([name]) => anchor(context.link("accounts", name), element("span", { class: "clip" }, name)),
            },
            { title: "Confidence", numeric: true, value: ([, sure]) => sure, cell: ([, sure]) => percent(sure) },
        ],
        { words: ([name]) => name, size: 15 },
    );
    table.set(found.members);
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

function orderForm(context, found) {
    const ruling = choice(RULINGS, "bless");
    const reason = element("input", { type: "text", required: true, maxlength: 1024, size: 40 });
    const days = element("input", { type: "number", min: 1, max: 3650, value: 30, required: true });
    const send = async () => {
        const body = { ruling: ruling.value, cluster: found.id, reason: reason.value, expires_in: days.value * 86400 };
        await call("POST", path(["orders"], { tenant: context.tenant }), { body });
        reason.value = "";
        return `${ruling.value}: takes effect at the next linking run`;
    };
    return operatorForm(
        context,
        send,
        field("Ruling", ruling),
        field("Days", days),
        field("Reason", reason),
        element("button", {}, "Apply"),
    );
}
