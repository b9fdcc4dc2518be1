// Find an account: by its id, or among those seen a moment ago.
import { path, read } from "./api.js";
import { anchor, element, field } from "./elements.js";
import { number, tier, time, timeOfId } from "./format.js";
import { Table } from "./table.js";

export async function show(context) {
    const wanted = element("input", { type: "search", required: true, maxlength: 256, size: 40 });
    const form = element(
        "form",
        {
            class: "line",
            role: "search",
            "aria-label": "One account",
            on: {
                submit: (event) => {
                    event.preventDefault();
                    location.hash = context.link("accounts", wanted.value);
                },
            },
        },
        field("Account id", wanted),
        element("button", { class: "main" }, "Show"),
    );
    const table = new Table(
        "Accounts among the last 1,000 verdicts",
        [
            {
                title: "Account",
                value: (row) => row.account,
                cell: (row) =>
                    anchor(context.link("accounts", row.account), element("span", { class: "clip" }, row.account)),
            },
            { title: "Verdicts", numeric: true, value: (row) => row.verdicts, cell: (row) => number(row.verdicts) },
            { title: "Stopped", numeric: true, value: (row) => row.stops, cell: (row) => number(row.stops) },
            { title: "Risk", numeric: true, value: (row) => row.last.risk, cell: (row) => number(row.last.risk) },
            { title: "Tier", value: (row) => row.last.tier, cell: (row) => tier(row.last.tier) },
            { title: "Last seen", value: (row) => row.last.id, cell: (row) => time(timeOfId(row.last.id)) },
        ],
        { words: (row) => row.account },
    );
    table.set(gathered((await read(path(["recent"], { tenant: context.tenant, limit: 1000 }), context.signal)).recent));
    return [form, element("h2", {}, "Recently seen"), table.node];
}

/** One row for each account; the newest verdict comes first. */
function gathered(recent) {
    const found = new Map();
    for (const { request, verdict } of recent.filter(({ request }) => request.account !== null)) {
        const row = found.get(request.account) ?? { account: request.account, verdicts: 0, stops: 0, last: verdict };
        row.verdicts += 1;
        row.stops += (verdict.shadow ?? verdict).decision === "allow" ? 0 : 1;
        found.set(request.account, row);
    }
    return [...found.values()];
}
