// What a draft would have changed over the newest recorded decisions: redrawn while a slider moves.
import { call, path } from "./api.js";
import { Histogram } from "./charts.js";
import { anchor, element, field, figures, fill } from "./elements.js";
import { json, number, span, tier, TIERS } from "./format.js";
import { Table } from "./table.js";

const BINS = 20;
const EDGES = Array.from({ length: BINS + 1 }, (_, i) => (i * 100) / BINS);

export class Effect {
    constructor(context) {
        this.context = context;
        this.histogram = new Histogram(context, "Decisions by risk");
        this.payers = element("div");
        this.figures = element("div");
        this.matrix = element("div");
        this.changes = element("div", { class: "scroll" }); // shown next to the draft
        this.fault = element("p", { role: "alert", class: "danger" });
        this.logarithmic = element("input", { type: "checkbox", on: { change: () => this.draw() } });
        this.node = element(
            "div",
            { class: "effect" },
            this.fault,
            this.figures,
            element(
                "div",
                { class: "line" },
                element(
                    "span",
                    { class: "legend" },
                    element("span", {}, element("i", { class: "swatch swatch-before" }), "live"),
                    element("span", {}, element("i", { class: "swatch swatch-accent" }), "draft"),
                    element("span", { class: "quiet" }, "vertical lines: where tiers begin"),
                ),
                field("Logarithmic", this.logarithmic),
            ),
            this.histogram.node,
            this.payers,
            element("h3", {}, "Decisions moved between tiers"),
            this.matrix,
        );
    }

    /** Ask what a draft changes, and show it. */
    async ask(draft, live, signal) {
        const tenant = ["tenants", this.context.tenant];
        const [replay, valid] = await Promise.allSettled([
            call("POST", path([...tenant, "replay"]), { body: { settings: draft.settings }, signal }),
            call("POST", path([...tenant, "validate"]), {
                body: { settings: draft.settings, reason: "a look" },
                signal,
            }),
        ]);
        if (signal.aborted) return;
        const failed = [valid, replay].find(({ status }) => status === "rejected");
        fill(this.fault, failed ? `${failed.reason.pointer} ${failed.reason.message}` : "");
        this.node.classList.toggle("stale", Boolean(failed));
        if (valid.status === "fulfilled") this.tellChanges(valid.value.value.changes);
        if (replay.status === "fulfilled") {
            this.found = replay.value.value;
            this.bounds = [
                live.in_force.tiers,
                { ...live.in_force.tiers, ...draft.base.in_force.tiers, ...draft.settings.tiers },
            ];
            this.draw();
            this.tell();
        }
    }

    draw() {
        if (!this.found) return;
        const { before, after } = this.found;
        const marks = this.bounds.flatMap((tiers, i) =>
            TIERS.slice(1).map((name) => [tiers[name].from_risk, i ? "accent" : "before", i ? [] : [4, 3]]),
        );
        const words = TIERS.map((name, i) => `${name} ${before.tiers[i]} live, ${after.tiers[i]} draft`).join("; ");
        this.histogram.set(EDGES, before.risk, after.risk, marks, words, this.logarithmic.checked);
    }

    tell() {
        const {
            decisions,
            accounts,
            first,
            last,
            payers,
            payers_tightened: hurt,
            payers_loosened: eased,
            payers_listed: listed,
            moved,
        } = this.found;
        const stays = moved.reduce((sum, row, i) => sum + row[i], 0);
        fill(
            this.figures,
            decisions
                ? figures([
                      ["decisions", number(decisions)],
                      ["of the last", span(last - first)],
                      ["accounts", number(accounts)],
                      ["decisions moved", number(decisions - stays)],
                      ["payers", number(payers)],
                      ["payers loosened", number(eased)],
                      ...caught(this.found),
                      [
                          "payers tightened",
                          element("strong", { class: hurt ? "danger" : "", id: "payers-tightened" }, number(hurt)),
                      ],
                  ])
                : element("p", { class: "quiet" }, "No decisions are recorded yet."),
        );
        fill(this.payers, hurt ? this.harmed(hurt, listed) : "");
        fill(this.matrix, scrolled("Tiers before and after", matrix(moved)));
    }

    harmed(hurt, listed) {
        const table = new Table(
            "Payers tightened",
            [
                {
                    title: "Account",
                    cell: (row) =>
                        row.name
                            ? anchor(
                                  this.context.link("accounts", row.name),
                                  element("span", { class: "clip" }, row.name),
                              )
                            : element("code", {}, row.account),
                },
                { title: "Live", cell: (row) => tier(row.before) },
                { title: "Draft", cell: (row) => tier(row.after) },
                { title: "Decisions", numeric: true, cell: (row) => number(row.decisions) },
            ],
            { size: 10, words: (row) => row.name ?? row.account },
        );
        table.set(listed);
        return element(
            "section",
            { class: "harm", "aria-label": "Payers tightened" },
            element("h3", {}, `${number(hurt)} paying account${hurt === 1 ? "" : "s"} would be treated more strictly`),
            table.node,
        );
    }

    tellChanges(changes) {
        fill(this.changes, changes.length ? changeTable(changes) : element("p", { class: "quiet" }, "none"));
    }
}

export function changeTable(changes) {
    return element(
        "table",
        { class: "changes" },
        element(
            "thead",
            {},
            element(
                "tr",
                {},
                ["Setting", "Before", "After"].map((title) => element("th", { scope: "col" }, title)),
            ),
        ),
        element(
            "tbody",
            {},
            changes.map(({ path: setting, before, after }) =>
                element(
                    "tr",
                    {},
                    element("th", { scope: "row" }, setting),
                    element("td", {}, element("del", {}, json(before))),
                    element("td", {}, element("ins", {}, json(after))),
                ),
            ),
        ),
    );
}

/** Labelled accounts, where there are any: how many are limited or worse, live and by the draft. */
function caught({ before: { labelled: one }, after: { labelled: other } }) {
    return [
        ["abusers caught", "abusers"],
        ["good accounts caught", "good"],
    ]
        .filter(([, name]) => one[name])
        .map(([title, name]) => [
            title,
            `${number(one[`${name}_caught`])} → ${number(other[`${name}_caught`])} of ${number(one[name])}`,
        ]);
}

function matrix(moved) {
    const cell = (n, i, j) =>
        element("td", { class: `number ${n === 0 ? "quiet" : j > i ? "stricter" : j < i ? "milder" : ""}` }, number(n));
    return element(
        "table",
        { class: "matrix" },
        element(
            "thead",
            {},
            element(
                "tr",
                {},
                element("th", { scope: "col" }, "live ↓ draft →"),
                TIERS.map((name) => element("th", { scope: "col", class: "number" }, name)),
            ),
        ),
        element(
            "tbody",
            {},
            moved.map((row, i) =>
                element(
                    "tr",
                    {},
                    element("th", { scope: "row" }, tier(TIERS[i])),
                    row.map((n, j) => cell(n, i, j)),
                ),
            ),
        ),
    );
}

/** What is wider than a phone is scrolled there, also with the keyboard. */
const scrolled = (words, content) =>
    element("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": words }, content);
