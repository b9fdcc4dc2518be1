// Accounts that are evidently one actor each: all clusters, sorted, filtered, paged.
import { path, read } from "./api.js";
import { anchor } from "./elements.js";
import { number, percent, span } from "./format.js";
import { poll } from "./poll.js";
import { Table } from "./table.js";

export async function show(context) {
    const table = new Table(
        "Clusters",
        [
            {
                title: "Cluster",
                value: (row) => row.id,
                cell: (row) => anchor(context.link("clusters", row.id), row.id),
            },
            { title: "Accounts", numeric: true, value: (row) => row.size, cell: (row) => number(row.size) },
            { title: "Confidence", numeric: true, value: (row) => row.confidence, cell: (row) => percent(row.confidence) },
            { title: "Standing", value: (row) => row.standing, cell: (row) => row.standing },
            { title: "Evidence", value: (row) => row.families.join(), cell: (row) => row.families.join(", ") },
            { title: "Demand a day", numeric: true, value: (row) => row.demand, cell: (row) => number(row.demand) },
            { title: "Limit per member", numeric: true, value: (row) => row.level, cell: (row) => number(row.level) },
            {
                title: "Age",
                numeric: true,
                value: (row) => -row.since,
                cell: (row) => span(Math.max(row.now - row.since, 0)),
            },
        ],
        {
            words: (row) => [row.id, row.standing, ...row.families].join(" "),
            sorted: [1, true],
            kept: true,
            empty: "no linked accounts",
        },
    );
    const refresh = async () => {
        const { clusters, at } = await read(path(["clusters"], { tenant: context.tenant }), context.signal);
        table.set(clusters.map((cluster) => ({ ...cluster, now: at })));
    };
    await refresh();
    poll(context, 10, refresh);
    return table.node;
}
