//! Charts, drawn by the server as SVG: nothing to load, no script, no style of their own.

use maud::{Markup, html};

use super::text::count;

/// One step of time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bar {
    pub(super) good: u64,
    pub(super) bad: u64,
}

impl Bar {
    fn total(&self) -> u64 {
        self.good + self.bad
    }
}

/// Bars without words around them, for a table. `what` is said to who cannot see it.
pub(super) fn small(bars: &[Bar], what: &str) -> Markup {
    const HEIGHT: f64 = 24.0;
    let (step, width) = (5.0, 4.0);
    html! {
        svg.chart.small viewBox=(format!("0 0 {} {HEIGHT}", bars.len() as f64 * step - 1.0)) role="img" aria-label=(told(bars, what)) preserveAspectRatio="none" {
            (drawn(bars, step, width, HEIGHT))
        }
    }
}

/// Bars with the largest number and the ends of the time told.
pub(super) fn large(bars: &[Bar], what: &str, from: &str, to: &str) -> Markup {
    const HEIGHT: f64 = 96.0;
    let step = 10.0;
    let most = bars.iter().map(Bar::total).max().unwrap_or_default();
    html! {
        figure.figure {
            p.axis aria-hidden="true" { (most) }
            svg.chart viewBox=(format!("0 0 {} {HEIGHT}", bars.len() as f64 * step - 1.0)) role="img" aria-label=(told(bars, what)) preserveAspectRatio="none" {
                (drawn(bars, step, step - 1.5, HEIGHT))
            }
            figcaption.axis { span { (from) } span { (to) } }
        }
    }
}

fn told(bars: &[Bar], what: &str) -> String {
    let (good, bad) = bars.iter().fold((0, 0), |(good, bad), bar| (good + bar.good, bad + bar.bad));
    let invocations = count(usize::try_from(good + bad).unwrap_or(usize::MAX), "invocation", "invocations");
    format!("{what}: {invocations}, {bad} of them failed")
}

fn drawn(bars: &[Bar], step: f64, width: f64, height: f64) -> Markup {
    let most = bars.iter().map(Bar::total).max().unwrap_or_default().max(1) as f64;
    // However few there were beside the most, they are seen.
    let scaled = |count: u64| if count == 0 { 0.0 } else { (count as f64 / most * height).max(1.5) };
    let rect = |class: &str, index: usize, top: f64, tall: f64| {
        html! { @if tall > 0.0 { rect class=(class) x=(index as f64 * step) y=(format!("{top:.1}")) width=(width) height=(format!("{tall:.1}")) {} } }
    };
    html! {
        @for (index, bar) in bars.iter().enumerate() {
            @let bad = scaled(bar.bad);
            @let good = scaled(bar.good).min(height - bad);
            @if bar.total() == 0 { (rect("none", index, height - 1.0, 1.0)) }
            (rect("good", index, height - good, good))
            (rect("bad", index, height - good - bad, bad))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bar, large, small};

    #[test]
    fn bars_are_as_tall_as_they_should_be() {
        let html =
            small(&[Bar { good: 10, bad: 0 }, Bar::default(), Bar { good: 0, bad: 5 }], "The last hours").into_string();
        assert!(html.contains("aria-label=\"The last hours: 15 invocations, 5 of them failed\""), "{html}");
        assert!(html.contains("<rect class=\"good\" x=\"0\" y=\"0.0\" width=\"4\" height=\"24.0\">"), "{html}");
        assert!(html.contains("<rect class=\"none\" x=\"5\""), "{html}");
        assert!(html.contains("<rect class=\"bad\" x=\"10\" y=\"12.0\" width=\"4\" height=\"12.0\">"), "{html}");
    }

    #[test]
    fn few_among_many_are_seen_and_nothing_is_outside() {
        let html = large(&[Bar { good: 1_000_000, bad: 1 }], "Now", "then", "now").into_string();
        assert!(html.contains("<rect class=\"good\" x=\"0\" y=\"1.5\""), "{html}");
        assert!(html.contains("<rect class=\"bad\" x=\"0\" y=\"0.0\""), "{html}");
        assert!(!html.contains("NaN") && !large(&[], "Now", "", "").into_string().contains("NaN"));
    }
}
