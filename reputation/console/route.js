// Where the user is, in the part of the address after #: /TENANT/PAGE/WHAT

export function here() {
    const [tenant, page, ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(unescaped);
    return { tenant: tenant || null, page: page || "overview", what: rest.join("/") || null };
}

export const to = (tenant, page, what = null) =>
    `#/${[tenant, page, ...(what === null ? [] : [what])].map(encodeURIComponent).join("/")}`;

function unescaped(part) {
    try {
        return decodeURIComponent(part);
    } catch {
        return part;
    }
}
