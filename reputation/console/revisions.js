// The revisions of a tenant: what each says, and what it has differently from the live one.
import { path, read } from "./api.js";
import { changeTable } from "./effect.js";
import { button, element, fill } from "./elements.js";
import { time } from "./format.js";
import { Table } from "./table.js";

/** `load(number)` takes a revision up as a draft's base. */
export function revisionTable(context, tenant, revisions, load) {
    const difference = element("div", { class: "scroll", "aria-live": "polite" });
    const compare = async (number) => {
        const found = await read(
            path(["tenants", context.tenant, "diff"], { before: tenant.revision, after: number }),
            context.signal,
        );
        fill(
            difference,
            element("h3", {}, `Revision ${number} against the live one, ${tenant.revision}`),
            found.changes.length ? changeTable(found.changes) : element("p", { class: "quiet" }, "no difference"),
        );
    };
    const reporting = (work) => () => work().catch((error) => context.say(error.message));
    const table = new Table(
        "Revisions",
        [
            { title: "Number", numeric: true, value: (row) => row.number, cell: (row) => row.number },
            {
                title: element("span", { class: "hidden" }, "State"),
                cell: (row) =>
                    [
                        row.number === tenant.revision && element("strong", {}, "live"),
                        row.number === tenant.candidate && tenant.stage,
                    ].filter(Boolean),
            },
            { title: "From", numeric: true, cell: (row) => row.parent ?? "" },
            { title: "Author", value: (row) => row.author, cell: (row) => row.author },
            {
                title: "Reason",
                value: (row) => row.reason,
                cell: (row) => element("span", { class: "clip" }, row.reason),
            },
            { title: "Made", value: (row) => row.at, cell: (row) => time(row.at) },
            {
                title: element("span", { class: "hidden" }, "Actions"),
                cell: (row) => [
                    button(
                        "Diff",
                        reporting(() => compare(row.number)),
                        { "aria-label": `Diff of revision ${row.number}` },
                    ),
                    " ",
                    button(
                        "New draft from it",
                        reporting(() => load(row.number)),
                        { "aria-label": `New draft from it: revision ${row.number}` },
                    ),
                ],
            },
        ],
        { size: 10, words: (row) => `${row.number} ${row.author} ${row.reason}` },
    );
    table.set(revisions);
    return [table.node, difference];
}
