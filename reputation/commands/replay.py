"""`headcount replay`: recorded requests through the same engine, on their own clock."""

import time
from pathlib import Path

import click
import zstandard

from reputation.commands.event_files import progress, reader, writer
from reputation.commands.options import config_option, ends_well, json_option
from reputation.engine.entry import newcomers_of
from reputation.engine.limiter import Limiter
from reputation.engine.replay import BadLine, Replay, Summary
from reputation.engine.together import together_of
from reputation.linking.process import LinkerDiedError
from reputation.linking.recorded import REPLAY_EVERY, REPLAY_LAG, RecordedLinking
from reputation.sidecar.build import build, collect_seldom, open_addresses, read_settings
from reputation.sidecar.hash_key import hash_key

REPLAY_KEY = b"the keys in recorded lines are hashed with this one"


@click.command()
@click.argument("events", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, allow_dash=True),
    help="File for the verdicts; - is standard output.",
)
@config_option
@click.option("--reasons", is_flag=True, help="Write the reasons of every verdict; they are most of its bytes.")
@click.option("--skip-bad", is_flag=True, help='Write {"error": …} for a bad line instead of stopping.')
@click.option("--epoch", type=click.FloatRange(1), default=REPLAY_EVERY, show_default=True,
              help="Recorded seconds between two linkings.")  # fmt: skip
@click.option("--lag", type=click.FloatRange(0), default=REPLAY_LAG, show_default=True,
              help="Recorded seconds until a linking becomes active.")  # fmt: skip
@json_option
@ends_well
def replay(
    events: Path,
    out: Path,
    config: Path | None,
    *,
    reasons: bool,
    skip_bad: bool,
    epoch: float,
    lag: float,
    as_json: bool,
) -> None:
    """Run recorded requests through the engine; one verdict line for each check line, in order.

    EVENTS is a file of JSON lines; - reads standard input. Both files can be compressed as .gz or .zst.
    """
    if out.exists() and events.exists() and out.samefile(events):
        raise click.UsageError("--out is the file of events, which would be overwritten")
    settings = read_settings(config)
    addresses = open_addresses(settings, 0.0)
    limiter = build(settings, addresses, hash_key() or REPLAY_KEY)
    linking = RecordedLinking(limiter, epoch, lag)

    def tick(now: float) -> None:
        addresses.age(now)  # recorded time too, so that a replay is the same next year
        linking(now)

    run = Replay(limiter, tick, reasons=reasons, skip_bad=skip_bad)
    collect_seldom()
    started, at = time.monotonic(), events
    try:
        with reader(events) as (source, size), writer(out) as sink, progress(source, size) as lines:
            for line in run.run(lines):
                at = out
                sink.write(line)
                at = events
            at = out
    except BadLine as error:
        raise click.ClickException(f"{events}, {error}; --skip-bad continues after bad lines") from None
    except LinkerDiedError as error:
        raise click.ClickException(f"{error}; the output ends there") from None
    except BrokenPipeError:  # the reader of the verdicts has read enough
        raise
    except OSError as error:
        raise click.ClickException(f"{error.filename or at}: {error.strerror or error}") from None
    except (EOFError, zstandard.ZstdError) as error:
        raise click.ClickException(f"{at}: {error}") from None
    finally:
        linking.close()
    _tell(run.summary, limiter, time.monotonic() - started, as_json=as_json, aside=not as_json or str(out) == "-")


def _tell(summary: Summary, limiter: Limiter, seconds: float, *, as_json: bool, aside: bool) -> None:
    """Print the summary. aside: on standard error, for people or if verdicts go to standard output."""
    clusters = sum(len(tenant.links.clusters) for tenant in limiter.tenants.values())
    if as_json:
        click.echo(_summary_json(summary, limiter, clusters, seconds), err=aside)
        return
    decisions = ", ".join(f"{n:,} {word}" for word, n in sorted(summary.decisions.items())) or "none"
    rate = summary.lines / seconds if seconds else 0.0
    click.echo(
        f"{summary.lines:,} lines in {seconds:.1f} s ({rate:,.0f}/s): {summary.checks:,} checks ({decisions}), "
        f"{summary.accounts:,} account lines, {summary.outcomes:,} outcomes, {summary.bad:,} bad lines; "
        f"{clusters:,} clusters at the end",
        err=True,
    )


def _summary_json(summary: Summary, limiter: Limiter, clusters: int, seconds: float) -> str:
    import msgspec  # noqa: PLC0415 - only for this form

    newcomers = {
        name: {
            plan: {"day": units, "voters": voters}
            for plan, (units, voters) in newcomers_of(tenant.tenant, tenant.links).items()
        }
        for name, tenant in limiter.tenants.items()
    }
    together = {name: together_of(tenant.tenant, tenant.links) for name, tenant in limiter.tenants.items()}
    found = {
        **msgspec.to_builtins(summary), "clusters": clusters, "newcomers": newcomers, "together": together,
        "seconds": seconds,
    }  # fmt: skip
    return msgspec.json.encode(found).decode()
