// One search for everything: its results, and the box in the header. The text may be an API key, so it is in no address.
import { path, read } from "./api.js";
import { anchor, element } from "./elements.js";
import { number } from "./format.js";
import { to } from "./route.js";
import { Table } from "./table.js";

const PAGE_OF = { verdict: "verdicts", account: "accounts", cluster: "clusters" };
const MOST = 100;
let last = null;

export const pageOf = (hit) => to(hit.tenant, PAGE_OF[hit.kind], hit.id);

/** Search, keep what was found for the page of results, and return it. */
export async function search(text) {
    last = await read(path(["find"], { q: text, limit: MOST }));
    return last;
}

export async function show() {
    if (last === null)
        return element("p", {}, "Search again: a search is not kept in the address, because it may be an API key.");
    if (!last.hits.length)
        return [
            element("p", {}, "Nothing was found."),
            element(
                "p",
                { class: "quiet" },
                "Verdicts that let a request pass are kept for an hour, stops for days. Addresses and devices are remembered for a day, cards for 30 days.",
            ),
            away(),
        ];
    const table = new Table("Search results", [
        { title: "Kind", cell: (row) => row.kind },
        { title: "Id", cell: (row) => anchor(pageOf(row), element("span", { class: "clip" }, row.id)) },
        { title: "What", cell: (row) => row.words },
        { title: "Tenant", cell: (row) => row.tenant },
    ]);
    table.set(last.hits);
    const more = last.left_off ? element("p", {}, `${number(last.left_off)} more are not shown.`) : null;
    return [table.node, more, away()];
}

const away = () =>
    last.away ? element("p", { class: "danger" }, "Shared state did not answer, so results may be missing.") : null;
