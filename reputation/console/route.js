// Where the user is, in the part of the address after #: /TENANT/PAGE/WHAT?FILTERS

export function here() {
    const [route, query = ""] = split(location.hash.replace(/^#\/?/, ""));
    const [tenant, page, ...rest] = route.split("/").map(unescaped);
    const chosen = Object.fromEntries(new URLSearchParams(query));
    return { tenant: tenant || null, page: page || "overview", what: rest.join("/") || null, chosen };
}

export const to = (tenant, page, what = null) =>
    `#/${[tenant, page, ...(what === null ? [] : [what])].map(encodeURIComponent).join("/")}`;

/** Keep a choice (window, filter) in the address, so that it can be sent to a colleague; the page stays. */
export function keep(choice) {
    const { tenant, page, what, chosen } = here();
    const kept = Object.entries({ ...chosen, ...choice }).filter(([, value]) => value !== "" && value !== null);
    const query = new URLSearchParams(kept).toString();
    history.replaceState(null, "", `${to(tenant, page, what)}${query && "?"}${query}`);
}

function split(text) {
    const at = text.indexOf("?");
    return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function unescaped(part) {
    try {
        return decodeURIComponent(part);
    } catch {
        return part;
    }
}
