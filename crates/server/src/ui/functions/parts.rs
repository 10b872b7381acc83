//! Pieces that the pages of functions share.

use maud::{Markup, html};

use crate::service::Figures;
use crate::ui::chart::{self, Bar};
use crate::ui::text::{count, visible, words};
use crate::ui::time;
use crate::wire::{Invocation, InvocationActor, LogLine, Secrets};

/// Who may invoke it.
pub(super) fn access(access: &str) -> Markup {
    html! {
        @match access.split_once(':') {
            Some((_, group)) => span.badge { "Only the group " (group) },
            None if access == "public" => span.badge.warn { "Public" },
            None => span.badge { "Needs a token" },
        }
    }
}

/// Which secrets a deployment gets.
pub(super) fn secrets(secrets: &Secrets) -> Markup {
    html! {
        @match secrets {
            Secrets::Word(_) => "All",
            Secrets::Names(names) if names.is_empty() => "None",
            Secrets::Names(names) => span.links { @for name in names { code { (name) } " " } },
        }
    }
}

/// How an invocation ended.
pub(super) fn outcome(outcome: &str) -> Markup {
    html! { @if outcome == "ok" { span.badge.good { "OK" } } @else { span.badge.bad { (words(&outcome.replace('_', " "))) } } }
}

/// Who called.
pub(super) fn caller(actor: &InvocationActor) -> Markup {
    html! { @if actor.kind == "anonymous" { "Anyone" } @else { (actor.kind) " " (visible(&actor.name)) } }
}

/// What was asked for.
pub(super) fn request(invocation: &Invocation) -> Markup {
    let path = if invocation.path.is_empty() { "/" } else { &invocation.path };
    html! { code.address { (visible(&invocation.method)) " " (visible(path)) } }
}

/// A duration with as many digits as help.
pub(super) fn duration(millis: f64) -> String {
    match millis {
        ..10.0 => format!("{millis:.1} ms"),
        10.0..1_000.0 => format!("{millis:.0} ms"),
        _ => format!("{:.2} s", millis / 1_000.0),
    }
}

/// Microseconds, like [`duration`].
pub(super) fn micros(micros: u64) -> String {
    duration(micros as f64 / 1_000.0)
}

/// A number with a space between thousands, and a mark where there is nothing to count.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// How many of how many, in percent with the digits that help.
pub(super) fn share(part: u64, whole: u64) -> String {
    let percent = part as f64 / whole.max(1) as f64 * 100.0;
    match part {
        _ if whole == 0 => "–".to_owned(),
        0 => "0".to_owned(),
        _ if percent < 0.1 => "< 0.1%".to_owned(),
        _ if percent < 10.0 => format!("{percent:.1}%"),
        _ => format!("{percent:.0}%"),
    }
}

/// Bytes in the unit that is read best.
pub(super) fn bytes(bytes: u64) -> String {
    match bytes {
        ..1_000 => count(usize::try_from(bytes).unwrap_or_default(), "byte", "bytes"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// The steps of a chart.
pub(super) fn bars(figures: &Figures) -> Vec<Bar> {
    figures
        .steps
        .iter()
        .map(|step| Bar { good: step.invocations.saturating_sub(step.errors), bad: step.errors })
        .collect()
}

/// A function's last day, small.
pub(super) fn small_chart(figures: &Figures) -> Markup {
    chart::small(&bars(figures), "The last 24 hours")
}

/// Log lines, oldest first. `empty` says why there may be none.
pub(super) fn log(lines: &[LogLine], empty: &str) -> Markup {
    html! { @if lines.is_empty() { p.muted { (empty) } } @else { (log_box(lines)) } }
}

/// Log lines, oldest first, with room for more even if there are none.
pub(super) fn log_box(lines: &[LogLine]) -> Markup {
    html! {
        div.log tabindex="0" role="region" aria-label="Log lines" { ol { @for line in lines { (log_line(line)) } } }
    }
}

/// One of them.
pub(super) fn log_line(line: &LogLine) -> Markup {
    html! {
        li.error[line.stream == "stderr"] {
            (time::of_day(&line.time))
            @if line.stream == "stderr" { span.stream { "error" } } @else { span.stream { "out" } }
            span.text { (visible(&line.text)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, duration, grouped, log, share};
    use crate::wire::LogLine;

    #[test]
    fn durations_have_the_digits_that_help() {
        for (millis, shown) in
            [(0.42, "0.4 ms"), (9.96, "10.0 ms"), (12.3, "12 ms"), (999.0, "999 ms"), (1_500.0, "1.50 s")]
        {
            assert_eq!(duration(millis), shown);
        }
    }

    #[test]
    fn numbers_are_read_at_a_glance() {
        assert_eq!([grouped(0), grouped(999), grouped(1_234_567)], ["0", "999", "1\u{202f}234\u{202f}567"]);
        let shares = [share(0, 0), share(0, 9), share(1, 10_000), share(1, 50), share(50, 100)];
        assert_eq!(shares, ["–", "0", "< 0.1%", "2.0%", "50%"]);
        assert_eq!([bytes(1), bytes(999), bytes(1_500), bytes(2_000_000)], ["1 byte", "999 bytes", "1.5 kB", "2.0 MB"]);
    }

    #[test]
    fn log_lines_do_nothing() {
        let line = LogLine {
            time: "2026-11-24T09:30:00.042Z".to_owned(),
            stream: "stdout".to_owned(),
            invocation: None,
            text: "<script>\u{1b}[2J".to_owned(),
        };
        let shown = log(&[line], "").into_string();
        assert!(shown.contains("&lt;script&gt;␛[2J") && shown.contains(">09:30:00.042<"), "{shown}");
    }
}
