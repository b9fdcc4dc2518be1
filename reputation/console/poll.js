// Asking again and again while a page is shown, and not while its tab is hidden.

/** Run `work` every `seconds` until the signal; a failure is shown and tried again. */
export function poll(context, seconds, work) {
    let timer = null;
    const turn = async () => {
        try {
            if (!document.hidden) await work();
        } catch (error) {
            if (error.name !== "AbortError") context.say(error.message);
        }
        if (!context.signal.aborted) timer = setTimeout(turn, seconds * 1000);
    };
    context.signal.addEventListener("abort", () => clearTimeout(timer));
    timer = setTimeout(turn, seconds * 1000);
}

/** Run the newest of many requests to do something, a moment after the last one; an older one is aborted. */
export function newest(context, milliseconds, work) {
    let timer = null;
    let running = new AbortController();
    context.signal.addEventListener("abort", () => running.abort());
    return () => {
        clearTimeout(timer);
        timer = setTimeout(async () => {
            running.abort();
            running = new AbortController();
            try {
                await work(AbortSignal.any([running.signal, context.signal]));
            } catch (error) {
                if (error.name !== "AbortError") context.say(error.message);
            }
        }, milliseconds);
    };
}
