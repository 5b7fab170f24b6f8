//! The screen as a pure function of what there is to show: no terminal, no clock.
//!
//! At 80 x 24 everything fits but the pane and the table of instances together: an open pane then
//! takes the table's place.

use std::time::Duration;

use crate::instance::Health;

/// All that a screen shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    /// The file to edit.
    pub(crate) edit: String,
    /// The applied configuration.
    pub(crate) version: u64,
    /// Why the latest edit was not applied.
    pub(crate) error: Option<String>,
    /// Where requests for reviews go.
    pub(crate) bars: Vec<Bar>,
    /// Over the last seconds.
    pub(crate) numbers: Numbers,
    /// Every instance.
    pub(crate) rows: Vec<Row>,
    /// How the next instance is killed.
    pub(crate) kill: Health,
    /// A report, when asked for.
    pub(crate) pane: Option<Pane>,
}

/// One version's share.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Bar {
    pub(crate) version: String,
    /// What the YAML says; `None` when the demo cannot tell.
    pub(crate) configured: Option<f64>,
    pub(crate) measured: f64,
}

/// What the generator measured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Numbers {
    pub(crate) rate: f64,
    /// `None` before the first request ended.
    pub(crate) success: Option<f64>,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    /// Since the start.
    pub(crate) retries: u64,
    /// Since the start.
    pub(crate) ejections: u64,
}

/// One instance.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) address: String,
    /// What its server does.
    pub(crate) server: Health,
    /// What the mesh thinks of it.
    pub(crate) ejected: bool,
    pub(crate) in_flight: u64,
    pub(crate) rate: f64,
}

/// A report.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Pane {
    pub(crate) title: String,
    pub(crate) lines: Vec<String>,
}

/// How a piece of text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Dim,
    Bold,
    Good,
    Warn,
    Bad,
}

/// Text of one tone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Span {
    pub(crate) text: String,
    pub(crate) tone: Tone,
}

/// One line of the screen.
pub(crate) type Line = Vec<Span>;

/// Lays the screen out: at most `height` lines of at most `width` characters.
pub(crate) fn draw(view: &View, width: u16, height: u16) -> Vec<Line> {
    let (width, height) = (usize::from(width), usize::from(height));
    let mut lines = header(view, width);
    lines.extend(view.bars.iter().map(|bar| share(bar, width)));
    lines.push(Line::new());
    lines.push(numbers(&view.numbers));
    lines.push(Line::new());

    let help = keys(view.kill);
    let room = height.saturating_sub(lines.len() + 1);
    let mut table = instances(&view.rows);
    if let Some(pane) = &view.pane {
        // Enough of the pane to be of use beside the table, or else alone.
        if table.len() + 6 <= room {
            table.push(Line::new());
        } else {
            table.clear();
        }
        table.extend(report(pane, width, room - table.len().min(room)));
    }
    table.truncate(room);
    lines.extend(table);
    lines.resize(height.saturating_sub(1), Line::new());
    lines.push(help);
    lines.truncate(height);
    lines.into_iter().map(|line| fit(line, width)).collect()
}

fn header(view: &View, width: usize) -> Vec<Line> {
    let mut lines = vec![
        vec![
            span("mesh canary", Tone::Bold),
            span(
                "   you → productpage → details, reviews → ratings",
                Tone::Dim,
            ),
        ],
        vec![span("edit   ", Tone::Dim), span(&view.edit, Tone::Plain)],
    ];
    match &view.error {
        None => {
            let loaded = format!("#{} loaded", view.version);
            lines.push(vec![span("config ", Tone::Dim), span(loaded, Tone::Good)]);
        }
        Some(error) => {
            let first = error.lines().next().unwrap_or_default();
            let text = format!("config #{} kept: {first}", view.version);
            let parts = wrap(&text, width).into_iter().take(2);
            lines.extend(parts.map(|part| vec![span(part, Tone::Bad)]));
        }
    }
    lines.resize(4, Line::new());
    lines
}

/// `v1 ███████████████████▋ │      89.6 % of 90.0 %`
fn share(bar: &Bar, width: usize) -> Line {
    let says = match bar.configured {
        Some(share) => format!("{:5.1} % in the YAML", share * 100.0),
        None => "   ?  in the YAML".to_owned(),
    };
    let label = format!("{:<3} ", bar.version);
    let right = format!(" {:5.1} %  ", bar.measured * 100.0);
    let room = width
        .saturating_sub(label.chars().count() + right.chars().count() + says.chars().count())
        .max(1);
    vec![
        span(label, Tone::Bold),
        span(cells(bar, room), Tone::Good),
        span(right, Tone::Bold),
        span(says, Tone::Dim),
    ]
}

/// The measured share in eighths of a cell, and a mark where the configured one ends.
fn cells(bar: &Bar, room: usize) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = (bar.measured.clamp(0.0, 1.0) * room as f64 * 8.0).round() as usize;
    let mark = bar
        .configured
        .map(|share| ((share * room as f64).round() as usize).min(room.saturating_sub(1)));
    (0..room)
        .map(|cell| match eighths.saturating_sub(cell * 8) {
            0 if mark == Some(cell) => '│',
            part @ 0..8 => EIGHTHS[part],
            _ => '█',
        })
        .collect()
}

fn numbers(numbers: &Numbers) -> Line {
    let success = match numbers.success {
        Some(share) if share >= 1.0 => span("100 %", Tone::Good),
        // Never rounded up to 100.
        Some(share) => span(
            format!("{:.2} %", (share * 10_000.0).floor() / 100.0),
            Tone::Bad,
        ),
        None => span("-", Tone::Dim),
    };
    let ms = |d: Duration| match d.as_secs_f64() * 1000.0 {
        short @ ..100.0 => format!("{short:.1} ms  "),
        long => format!("{long:.0} ms  "),
    };
    vec![
        span(format!("{:.0} req/s  success ", numbers.rate), Tone::Plain),
        success,
        span("  p50 ", Tone::Plain),
        span(ms(numbers.p50), Tone::Plain),
        span("p99 ", Tone::Plain),
        span(ms(numbers.p99), Tone::Plain),
        span(format!("retries {}  ", numbers.retries), Tone::Plain),
        span(format!("ejections {}", numbers.ejections), Tone::Plain),
    ]
}

fn instances(rows: &[Row]) -> Vec<Line> {
    let head = format!(
        "{:<3} {:<14} {:<17} {:<12} {:<9} {:>9} {:>8}",
        "key", "instance", "address", "its server", "the mesh", "in flight", "tries/s"
    );
    let mut lines = vec![vec![span(head, Tone::Dim)]];
    for (i, row) in rows.iter().enumerate() {
        let server = match row.server {
            Health::Up => span(format!("{:<12} ", "answers"), Tone::Plain),
            dead => span(format!("{:<12} ", dead.as_str()), Tone::Bad),
        };
        let mesh = match row.ejected {
            false => span(format!("{:<9} ", "healthy"), Tone::Good),
            true => span(format!("{:<9} ", "ejected"), Tone::Warn),
        };
        let name = format!("{:<3} {:<14} {:<17} ", i + 1, row.name, row.address);
        let load = format!("{:>9} {:>8.1}", row.in_flight, row.rate);
        lines.push(vec![
            span(name, Tone::Plain),
            server,
            mesh,
            span(load, Tone::Plain),
        ]);
    }
    lines
}

fn report(pane: &Pane, width: usize, room: usize) -> Vec<Line> {
    let mut lines = vec![vec![span(&pane.title, Tone::Bold)]];
    for text in &pane.lines {
        let parts = wrap(text, width).into_iter();
        lines.extend(parts.map(|part| vec![span(part, Tone::Plain)]));
    }
    let hidden = lines.len().saturating_sub(room);
    if hidden > 0 && room > 0 {
        lines.truncate(room - 1);
        let more = format!("… {} more lines: a taller terminal shows them", hidden + 1);
        lines.push(vec![span(more, Tone::Dim)]);
    }
    lines
}

/// Breaks a line at spaces, or anywhere in a word that is longer than the screen is wide.
fn wrap(text: &str, width: usize) -> Vec<String> {
    // Narrower screens show a part of each line.
    let width = width.max(10);
    let (mut parts, mut line, mut length) = (Vec::new(), String::new(), 0);
    let mut turn = |line: &mut String, length: &mut usize| {
        // Continued lines stand under their line's text.
        parts.push(std::mem::replace(line, "  ".to_owned()));
        *length = 2;
    };
    for word in text.split_inclusive(' ') {
        let needed = word.trim_end().chars().count();
        if length + needed > width && !line.trim().is_empty() {
            turn(&mut line, &mut length);
        }
        for c in word.chars() {
            if length == width && c != ' ' {
                turn(&mut line, &mut length);
            }
            line.push(c);
            length += 1;
        }
    }
    parts.push(line);
    parts
}

fn keys(kill: Health) -> Line {
    let mut line = Line::new();
    let next = format!("k next kill: {}", kill.as_str());
    for text in [
        "1-9 kill/revive",
        &next,
        "h as jason",
        "e explain it",
        "q quit",
    ] {
        let (key, rest) = text.split_once(' ').unwrap_or((text, ""));
        line.push(span(key, Tone::Bold));
        line.push(span(format!(" {rest}   "), Tone::Dim));
    }
    line
}

/// Cuts a line to `width` characters.
fn fit(line: Line, width: usize) -> Line {
    let mut left = width;
    line.into_iter()
        .map(|Span { text, tone }| {
            // A control character in somebody's file must not reach the terminal.
            let shown = text.chars().map(|c| if c.is_control() { ' ' } else { c });
            let text: String = shown.take(left).collect();
            left -= text.chars().count();
            Span { text, tone }
        })
        .collect()
}

fn span(text: impl Into<String>, tone: Tone) -> Span {
    Span {
        text: text.into(),
        tone,
    }
}

#[cfg(test)]
mod tests;
