// One verdict: every reason with its points, the limits, and what would have made it milder.
import { path, read } from "./api.js";
import { anchor, element, facts, panel } from "./elements.js";
import { decision, number, points, rate, span, tier, time, timeOfId } from "./format.js";
import { Table } from "./table.js";
import { whose } from "./verdicts.js";

export const title = (id) => `Verdict ${id}`;

export async function show(context) {
    const found = await read(path(["decisions", context.what], { tenant: context.tenant }), context.signal);
    const { verdict, request } = found;
    return [
        element(
            "div",
            { class: "two" },
            panel(
                "Request and answer",
                facts([
                    ["Time", time(timeOfId(verdict.id))],
                    ["Account", whose(context, request)],
                    ["Address", request.ip ?? "–"],
                    ["Route", request.route ?? "–"],
                    [
                        "Cost",
                        `${number(request.cost)} ${request.cost === 1 ? verdict.limit.unit.replace(/s$/, "") : verdict.limit.unit}`,
                    ],
                    ["Decision", decision(verdict)],
                    ["Tier", tier(verdict.tier)],
                    ["Risk", number(verdict.risk)],
                    [
                        "Cluster",
                        verdict.cluster
                            ? anchor(
                                  context.link("clusters", verdict.cluster.id),
                                  `${verdict.cluster.id}, ${number(verdict.cluster.size)} accounts`,
                              )
                            : "none",
                    ],
                    [
                        "Exception",
                        verdict.allow
                            ? `${verdict.allow.kind} ${verdict.allow.value}: ${verdict.allow.reason}`
                            : "none",
                    ],
                    ["Actions", verdict.actions.join(", ") || "none"],
                    ["Retry after", verdict.retry_after ? span(verdict.retry_after) : "–"],
                    ["Revision, mode", `${verdict.revision}, ${verdict.mode}${verdict.degraded ? ", degraded" : ""}`],
                ]),
            ),
            panel("Limits used", limitTable(verdict).node),
        ),
        panel("Reasons", reasonTable(verdict).node, milder(found)),
    ];
}

function reasonTable(verdict) {
    const widest = Math.max(...verdict.reasons.map((reason) => Math.abs(reason.points)), 1e-9);
    const table = new Table(
        "Reasons",
        [
            { title: "Signal", cell: (row) => row.signal },
            { title: "Points", numeric: true, cell: (row) => points(row.points) },
            { title: "", cell: (row) => bar(row.points, widest) },
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

function limitTable(verdict) {
    const table = new Table(
        "Limits",
        [
            { title: "Limit", cell: (row) => row.name },
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
