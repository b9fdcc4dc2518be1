// Elements from plain data. Text becomes text nodes alone, so nothing that a client sent can become markup.

/**
 * Make an element. attributes: `on` has listeners by event; true sets a bare attribute, false and null leave it out.
 * children: nodes, text, numbers, lists of these; null and false are left out.
 */
export function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (name === "on") {
            for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
        } else if (value !== false && value !== null && value !== undefined) {
            made.setAttribute(name, value === true ? "" : value);
        }
    }
    made.append(...nodes(children));
    return made;
}

/** Put children in place of what an element holds. */
export function fill(parent, ...children) {
    parent.replaceChildren(...nodes(children));
    return parent;
}

function nodes(children) {
    return children
        .flat(Infinity)
        .filter((child) => child !== null && child !== undefined && child !== false)
        .map((child) => (child instanceof Node ? child : String(child)));
}

export const button = (words, click, attributes = {}) =>
    element("button", { type: "button", ...attributes, on: { click } }, words);

export const anchor = (href, ...children) => element("a", { href }, ...children);

/** A titled part of a page. */
export function panel(title, ...children) {
    const id = `panel-${title.toLowerCase().replace(/[^a-z]+/g, "-")}`;
    return element("section", { class: "panel", "aria-labelledby": id }, element("h2", { id }, title), ...children);
}

/** Names with values. */
export function figures(pairs) {
    return element(
        "dl",
        { class: "figures" },
        pairs.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))),
    );
}

export function facts(pairs) {
    return element(
        "dl",
        { class: "facts" },
        pairs.map(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
    );
}

/** A field with its label. */
export function field(label, control, hint = null) {
    return element(
        "label",
        { class: "field" },
        element("span", {}, label),
        control,
        hint && element("small", {}, hint),
    );
}

export function choice(options, chosen, attributes = {}) {
    return element(
        "select",
        attributes,
        options.map(([value, words]) =>
            element("option", { value, selected: String(value) === String(chosen) }, words),
        ),
    );
}
