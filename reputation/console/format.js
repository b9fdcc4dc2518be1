// Numbers and times for people.
import { element } from "./elements.js";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const fine = new Intl.NumberFormat("en", { maximumFractionDigits: 3 });
export const TIERS = ["trusted", "standard", "limited", "restricted", "blocked"];

export function number(value) {
    if (value === null || value === undefined) return "–";
    const size = Math.abs(value);
    return (size >= 100 || Number.isInteger(value) ? whole : size >= 1 ? short : fine).format(value);
}

/** Units a second, or a day where a second has hardly any. */
export const rate = (value) => (value && value < 0.05 ? `${number(value * 86400)} a day` : `${number(value)} a second`);
export const percent = (share) => `${number(share * 100)}%`;
export const points = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

/** A time of day, with the date where it is another day's; seconds since 1970. */
export function time(seconds) {
    if (!seconds) return "–";
    const at = new Date(seconds * 1000);
    const clock = at.toLocaleTimeString("en-GB");
    const same = at.toDateString() === new Date().toDateString();
    const words = same
        ? clock
        : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock.slice(0, 5)}`;
    return element("time", { datetime: at.toISOString(), title: at.toISOString() }, words);
}

/** A time with its date and zone; seconds since 1970. */
export function moment(seconds) {
    const at = new Date(seconds * 1000);
    const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
    const parts = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" }).formatToParts(at);
    const zone = parts.find((part) => part.type === "timeZoneName").value;
    const words = `${day} ${at.toLocaleTimeString("en-GB")} ${zone}`;
    return element("time", { datetime: at.toISOString(), title: at.toISOString() }, words);
}

const two = (value) => String(value).padStart(2, "0");

export function span(seconds) {
    const units = [
        [86400, "d"],
        [3600, "h"],
        [60, "min"],
    ];
    const [size, unit] = units.find(([size]) => seconds >= size) ?? [1, "s"];
    return `${number(seconds / size)} ${unit}`;
}

/** When a verdict was given, from the first 48 bits of its ULID; seconds since 1970. */
export function timeOfId(id) {
    const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    return [...id.slice(0, 10)].reduce((sum, digit) => sum * 32 + digits.indexOf(digit), 0) / 1000;
}

export const tier = (name) => (name ? element("span", { class: `tier tier-${TIERS.indexOf(name)}` }, name) : "–");

export function decision(verdict) {
    const shown = verdict.shadow ?? verdict;
    const words = verdict.shadow && shown.decision !== "allow" ? `would ${shown.decision}` : shown.decision;
    return element("span", { class: `decision ${shown.decision === "allow" ? "" : "stopped"}` }, words);
}

export const json = (value) => (typeof value === "string" ? value : JSON.stringify(value ?? null));
