// What a million requests cost an attacker under the live revision; the cheapest way first.
import { path, read } from "./api.js";
import { element } from "./elements.js";
import { number } from "./format.js";
import { Table } from "./table.js";

const COLUMNS = [
    { title: "Plan", value: (row) => row.plan, cell: (row) => row.plan },
    { title: "An account is made of", value: (row) => row.words, cell: (row) => row.words },
    { title: "USD each", value: (row) => row.usd, cell: (row) => row.usd.toFixed(2), numeric: true },
    column("Requests on the first day", "first_day"),
    column("In 30 days", "month"),
    column("USD a million, used for a day", "first_day_million"),
    column("USD a million, used for 30 days", "million"),
];

export async function show(context) {
    const found = await read(path(["tenants", context.tenant, "prices"]), context.signal);
    const table = new Table("Prices", COLUMNS);
    table.set(found.prices);
    const words =
        "What a million requests cost an attacker whose accounts nothing links. Evidence that links them, proxies and " +
        "addresses come on top. The prices of credentials are settings: prices.credentials.";
    return [element("p", {}, words), table.node];
}

function column(title, name) {
    return {
        title,
        value: (row) => row[name] ?? Infinity,
        cell: (row) => (row[name] === null ? "-" : number(row[name])),
        numeric: true,
    };
}
