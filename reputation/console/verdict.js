// One verdict: what happened in one sentence, to which request, its limits, then its risk and every reason.
import { actions } from "./actions.js";
import { path, read } from "./api.js";
import { anchor, element, facts, panel } from "./elements.js";
import { decision, moment, number, points, rate, span, tier } from "./format.js";
import { Table } from "./table.js";
import { whose } from "./verdicts.js";

export const title = (id) => `Verdict ${id}`;

export async function show(context) {
    const found = await read(path(["decisions", context.what], { tenant: context.tenant }), context.signal);
    const { verdict } = found;
    return [
        element(
            "section",
            { class: "panel", "aria-label": "What happened" },
            element("p", { class: "sentence", id: "sentence" }, found.sentence),
            asked(context, found),
            actions(context, found.request.account, found, verdict.id),
        ),
        element(
            "div",
            { class: "two" },
            panel("Limits used", limitTable(found).node),
            panel("Risk and standing", standing(context, verdict)),
        ),
        panel("Reasons", reasonTable(verdict).node, milder(found)),
    ];
}

/** Which request it was. */
function asked(context, { request, verdict, at }) {
    const unit = verdict.limit.unit;
    return facts([
        ["Account", whose(context, request)],
        ["Address", request.ip ?? "–"],
        ["Time", moment(at)],
        ["Route", request.route ?? "–"],
        ["Cost", `${number(request.cost)} ${request.cost === 1 ? unit.replace(/s$/, "") : unit}`],
    ]);
}

function standing(context, verdict) {
    const { cluster, allow } = verdict;
    return facts([
        ["Risk", number(verdict.risk)],
        ["Tier", tier(verdict.tier)],
        ["Decision", decision(verdict)],
        [
            "Cluster",
            cluster
                ? anchor(context.link("clusters", cluster.id), `${cluster.id}, ${number(cluster.size)} accounts`)
                : "none",
        ],
        ["Exception", allow ? `${allow.kind} ${allow.value}: ${allow.reason}` : "none"],
        ["Actions", verdict.actions.join(", ") || "none"],
        ["Retry after", verdict.retry_after ? span(verdict.retry_after) : "–"],
        ["Revision, mode", `${verdict.revision}, ${verdict.mode}${verdict.degraded ? ", degraded" : ""}`],
    ]);
}

function reasonTable(verdict) {
    const widest = Math.max(...verdict.reasons.map((reason) => Math.abs(reason.points)), 1e-9);
    const table = new Table(
        "Reasons",
        [
            { title: "Signal", cell: (row) => row.signal },
            { title: "Points", numeric: true, cell: (row) => points(row.points) },
            { title: element("span", { class: "hidden" }, "Drawn"), cell: (row) => bar(row.points, widest) },
            { title: "Detail", cell: (row) => row.detail ?? "" },
        ],
        { size: Infinity },
    );
    table.set(verdict.reasons);
    return table;
}

/** A bar to the left for the account, to the right against it. */
function bar(value, widest) {
    const part = element("i", { class: value > 0 ? "against" : "for" });
    part.style.width = `${(Math.abs(value) / widest) * 50}%`;
    return element("span", { class: "bar", "aria-hidden": "true" }, part);
}

function milder({ milder_without: parts, tier_begins_at: begins, verdict }) {
    if (!parts.length) return null;
    const words = parts.map(({ signal, log_odds: without }) => `${signal} (${points(without)} in all without it)`);
    return element(
        "p",
        { class: "quiet" },
        `${verdict.tier} begins at ${points(begins)}. Milder without any one of: ${words.join(", ")}.`,
    );
}

/** The limits, the one that bound marked. */
function limitTable({ verdict, binding }) {
    const bound = verdict.limits[binding];
    const table = new Table(
        "Limits",
        [
            {
                title: "Limit",
                cell: (row) => (row === bound ? element("strong", {}, `${row.name} (binding)`) : row.name),
            },
            { title: "Whose", cell: (row) => row.scope },
            { title: "Rate", numeric: true, cell: (row) => rate(row.rate) },
            { title: "Burst", numeric: true, cell: (row) => number(row.burst) },
            { title: "Left", numeric: true, cell: (row) => number(row.remaining) },
        ],
        { size: Infinity },
    );
    table.set(verdict.limits);
    return table;
}
