//! The terminal: taken over, drawn on, and given back whatever happens.

use std::{
    io::{self, Stdout, Write, stdout},
    panic,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crossterm::{
    cursor::{Hide, MoveTo, Show},
    execute, queue,
    style::{Attribute, Color, Print, ResetColor, SetAttribute, SetForegroundColor},
    terminal::{
        Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
        enable_raw_mode, size,
    },
};

use crate::view::{Line, Tone};

/// The alternate screen in raw mode, for as long as this lives.
///
/// A panic on any thread gives the terminal back first, so that its message can be read;
/// [`is_lost`](Self::is_lost) then tells the drawing loop to stop.
#[derive(Debug)]
pub(crate) struct Terminal {
    out: Stdout,
    lost: Arc<AtomicBool>,
    colors: bool,
}

impl Terminal {
    pub(crate) fn take() -> io::Result<Self> {
        let lost = Arc::new(AtomicBool::new(false));
        let told = lost.clone();
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !told.swap(true, Ordering::SeqCst) {
                give_back();
            }
            report(panic);
        }));
        enable_raw_mode()?;
        // From here on the guard gives it back.
        let mut terminal = Self {
            out: stdout(),
            lost,
            colors: std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
        };
        execute!(terminal.out, EnterAlternateScreen, Hide)?;
        Ok(terminal)
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::SeqCst)
    }

    /// Columns and rows.
    pub(crate) fn size(&self) -> (u16, u16) {
        size().unwrap_or((80, 24))
    }

    /// Shows `lines` from the top.
    pub(crate) fn draw(&mut self, lines: &[Line]) -> io::Result<()> {
        for (row, line) in (0..).zip(lines) {
            queue!(self.out, MoveTo(0, row))?;
            for span in line {
                self.tone(span.tone)?;
                queue!(self.out, Print(&span.text))?;
                queue!(self.out, SetAttribute(Attribute::Reset), ResetColor)?;
            }
            queue!(self.out, Clear(ClearType::UntilNewLine))?;
        }
        queue!(self.out, Clear(ClearType::FromCursorDown))?;
        self.out.flush()
    }

    fn tone(&mut self, tone: Tone) -> io::Result<()> {
        let color = match tone {
            Tone::Plain => return Ok(()),
            Tone::Dim => return queue!(self.out, SetAttribute(Attribute::Dim)),
            Tone::Bold => return queue!(self.out, SetAttribute(Attribute::Bold)),
            Tone::Good => Color::Green,
            Tone::Warn => Color::Yellow,
            Tone::Bad => Color::Red,
        };
        if self.colors {
            queue!(self.out, SetForegroundColor(color))?;
        }
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if !self.lost.swap(true, Ordering::SeqCst) {
            give_back();
        }
    }
}

/// As well as it goes: there is nobody left to tell about a failure.
fn give_back() {
    let _ = execute!(stdout(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}
