//! The screen, line by line.

use super::*;

fn view() -> View {
    let bar = |version: &str, configured, measured| Bar {
        version: version.into(),
        configured,
        measured,
    };
    let row = |name: &str| Row {
        name: name.into(),
        address: "127.0.0.1:40001".into(),
        server: Health::Up,
        ejected: false,
        in_flight: 2,
        rate: 91.5,
    };
    View {
        edit: "examples/canary/mesh/reviews.yaml".into(),
        version: 3,
        bars: vec![
            bar("v1", Some(0.9), 0.75),
            bar("v2", Some(0.1), 0.25),
            bar("v3", None, 0.0),
        ],
        numbers: Numbers {
            rate: 200.0,
            success: Some(0.99999),
            p50: Duration::from_micros(1234),
            p99: Duration::from_millis(15),
            retries: 7,
            ejections: 1,
        },
        rows: (1..=9).map(|i| row(&format!("reviews-v1-{i}"))).collect(),
        ..View::default()
    }
}

fn text(view: &View, width: u16, height: u16) -> Vec<String> {
    let lines = draw(view, width, height);
    let text = |line: Line| line.into_iter().map(|s| s.text).collect::<String>();
    lines.into_iter().map(text).collect()
}

#[test]
fn everything_fits_a_small_terminal() {
    let lines = text(&view(), 80, 24);
    assert_eq!(lines.len(), 24);
    assert!(lines.iter().all(|l| l.chars().count() <= 80));
    assert!(lines[1].ends_with("examples/canary/mesh/reviews.yaml"));
    assert_eq!(lines[2], "config #3 loaded");
    assert!(lines[8].contains("retries 7  ejections 1"), "{}", lines[8]);
    assert!(lines.iter().any(|l| l.starts_with("9   reviews-v1-9")));
    assert!(lines[23].trim_end().ends_with("q quit"), "{}", lines[23]);
}

#[test]
fn a_bar_is_as_long_as_its_share_and_marks_the_configured_one() {
    let lines = text(&view(), 80, 24);
    let full = |line: &str| line.chars().filter(|c| *c == '█').count();
    let room = 80 - 4 - 10 - 19;
    assert_eq!(full(&lines[4]), room * 3 / 4);
    assert_eq!(full(&lines[5]), room / 4);
    let mark = lines[4].chars().position(|c| c == '│').unwrap();
    assert_eq!(mark, 4 + (room as f64 * 0.9).round() as usize);
    assert!(!lines[5].contains('│'), "the bar covers its own mark");
    assert!(
        lines[4].ends_with(" 75.0 %   90.0 % in the YAML"),
        "{}",
        lines[4]
    );
    assert!(lines[6].ends_with("?  in the YAML"));
}

#[test]
fn large_numbers_still_fit() {
    let mut view = view();
    view.numbers.success = Some(0.3617);
    view.numbers.p50 = Duration::from_millis(125);
    view.numbers.p99 = Duration::from_millis(1071);
    (view.numbers.retries, view.numbers.ejections) = (3777, 12);
    let line = &text(&view, 80, 24)[8];
    assert!(
        line.ends_with("p99 1071 ms  retries 3777  ejections 12"),
        "{line}"
    );
}

#[test]
fn almost_all_is_not_all() {
    let of = |success| {
        let numbers = Numbers {
            success,
            ..Numbers::default()
        };
        super::numbers(&numbers)[1].clone()
    };
    assert_eq!(of(Some(0.99999)), span("99.99 %", Tone::Bad));
    assert_eq!(of(Some(1.0)), span("100 %", Tone::Good));
    assert_eq!(of(None), span("-", Tone::Dim));
}

#[test]
fn a_broken_edit_shows_the_first_problem_and_the_version_in_force() {
    let mut view = view();
    let problem = "reviews.yaml:20: spec.http[1].rout: unknown field; did you mean `route`?";
    view.error = Some(format!("{problem}\nanother"));
    let lines = text(&view, 80, 24);
    let shown = lines[2].clone() + lines[3].trim_start();
    assert_eq!(shown, format!("config #3 kept: {problem}"));
    assert!(lines[4].starts_with("v1"), "nothing moved: {}", lines[4]);
}

#[test]
fn what_the_mesh_thinks_and_what_the_server_does_are_told_apart() {
    let mut view = view();
    view.rows[1].server = Health::Refuses;
    view.rows[2].server = Health::Answers503;
    view.rows[2].ejected = true;
    let lines = text(&view, 80, 24);
    let row = |n: usize| {
        lines
            .iter()
            .find(|l| l.starts_with(&format!("{n}  ")))
            .unwrap()
    };
    assert!(row(1).contains("answers      healthy"), "{}", row(1));
    assert!(row(2).contains("refuses      healthy"), "{}", row(2));
    assert!(row(3).contains("answers 503  ejected"), "{}", row(3));
}

#[test]
fn the_pane_stands_beside_the_table_or_in_its_place() {
    let mut view = view();
    let lines = (0..30).map(|i| format!("step {i}")).collect();
    view.pane = Some(Pane {
        title: "explain".into(),
        lines,
    });
    let small = text(&view, 80, 24);
    assert!(!small.iter().any(|l| l.contains("reviews-v1-1")));
    assert!(small.contains(&"explain".to_owned()));
    assert!(
        small.iter().any(|l| l.starts_with("… 19 more lines")),
        "{small:#?}"
    );
    let tall = text(&view, 80, 60);
    assert!(tall.iter().any(|l| l.contains("reviews-v1-1")));
    assert!(tall.contains(&"step 29".to_owned()));
}

#[test]
fn long_lines_break_at_words() {
    let wrapped = |text| -> Vec<String> {
        let parts = wrap(text, 10).into_iter();
        parts.map(|part| part.trim_end().to_owned()).collect()
    };
    assert_eq!(wrapped("rule one matched"), ["rule one", "  matched"]);
    assert_eq!(wrapped("abcdefghijkl"), ["abcdefghij", "  kl"]);
    assert_eq!(wrapped("  short"), ["  short"]);
    assert_eq!(wrapped(""), [""]);
    assert_eq!(wrapped("  a word, another"), ["  a word,", "  another"]);
}

#[test]
fn no_size_panics_and_no_control_character_passes() {
    let mut view = view();
    view.error = Some("a\x1b[2Jb".into());
    view.pane = Some(Pane {
        title: "t".into(),
        lines: vec!["x".repeat(200), String::new()],
    });
    for width in 0..90 {
        for height in 0..40 {
            let lines = text(&view, width, height);
            assert!(lines.len() <= usize::from(height));
            assert!(
                lines
                    .iter()
                    .all(|l| l.chars().count() <= usize::from(width))
            );
            assert!(!lines.iter().any(|l| l.chars().any(char::is_control)));
        }
    }
}
