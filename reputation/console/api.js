// The admin API. Who is signed in is in a cookie that no script can read; it goes to the sidecar that served the page alone.

export class Problem extends Error {
    /** What the API answered instead: a problem document (RFC 9457), or that it did not answer (status 0). */
    constructor(status, document) {
        super(document.detail || document.title || `the sidecar answered ${status}`);
        this.status = status;
        this.pointer = document.pointer ?? "";
    }
}

/** One call: the answer's value and its ETag. Throws Problem; an aborted call throws what `fetch` throws. */
export async function call(method, path, { body, etag, signal } = {}) {
    const headers = { Accept: "application/json" };
    if (method !== "GET") headers["Content-Type"] = "application/json";
    if (etag) headers["If-Match"] = etag;
    const answer = await asked(new URL(`..${path}`, location.href), {
        method,
        headers,
        signal,
        cache: "no-store",
        credentials: "same-origin",
        body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Problem(answer.status, parsed(text));
    return { value: text ? JSON.parse(text) : null, etag: answer.headers.get("ETag") };
}

export const read = async (path, signal) => (await call("GET", path, { signal })).value;

/** A path below /v1 with its query; every part is escaped. */
export function path(parts, query = {}) {
    const chosen = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
    const text = new URLSearchParams(chosen).toString();
    return `/v1/${parts.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

/** Tell the frame whether the sidecar answers. */
const heard = (answers) => document.dispatchEvent(new CustomEvent("heard", { detail: answers }));

async function asked(url, options) {
    try {
        const answer = await fetch(url, options);
        heard(true);
        return answer;
    } catch (error) {
        if (error.name === "AbortError") throw error;
        heard(false);
        throw new Problem(0, { detail: "the sidecar did not answer" });
    }
}

function parsed(text) {
    try {
        return JSON.parse(text);
    } catch {
        return {};
    }
}
