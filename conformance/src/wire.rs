//! HTTP/1.1 by hand: what goes over the wire is exactly what a case says, and what comes back is
//! read without a library's opinion. Names are lower-cased, bytes become the `char` of their value.

use std::io;

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

/// A request's or response's head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The three parts of the first line.
    pub start: [String; 3],
    /// Lines in order, names in lower case.
    pub headers: Vec<(String, String)>,
}

/// A head and the body that followed it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The head.
    pub head: Head,
    /// The whole body.
    pub body: String,
}

impl Head {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find_map(|(n, value)| (n == name).then_some(value.as_str()))
    }

    /// Whether the sender closes after this message.
    pub fn closes(&self) -> bool {
        self.header("connection") == Some("close")
    }
}

/// Reads a head; `None` when the peer closed before its first byte.
///
/// # Errors
/// When the connection breaks off, or what comes is no head.
pub async fn read_head(io: &mut BufReader<TcpStream>) -> io::Result<Option<Head>> {
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        if io.read_until(b'\n', &mut line).await? == 0 {
            return match lines.is_empty() {
                true => Ok(None),
                false => Err(io::ErrorKind::UnexpectedEof.into()),
            };
        }
        let line = text(line.trim_ascii_end());
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let mut lines = lines.into_iter();
    let start = lines.next().unwrap_or_default();
    let mut start = start.splitn(3, ' ').map(str::to_owned);
    let headers = lines.map(|line| match line.split_once(':') {
        Some((name, value)) => Ok((name.to_ascii_lowercase(), value.trim().to_owned())),
        None => Err(io::Error::other(format!("no header line: {line:?}"))),
    });
    Ok(Some(Head {
        start: std::array::from_fn(|_| start.next().unwrap_or_default()),
        headers: headers.collect::<io::Result<_>>()?,
    }))
}

/// Reads the body that `head` announces.
///
/// # Errors
/// When the connection breaks off, or a chunk is malformed.
pub async fn read_body(io: &mut BufReader<TcpStream>, head: &Head) -> io::Result<String> {
    let mut body = Vec::new();
    if head.header("transfer-encoding") == Some("chunked") {
        loop {
            let mut size = String::new();
            io.read_line(&mut size).await?;
            let size = usize::from_str_radix(size.trim_end(), 16).map_err(io::Error::other)?;
            let start = body.len();
            body.resize(start + size, 0);
            io.read_exact(&mut body[start..]).await?;
            let mut end = String::new();
            io.read_line(&mut end).await?;
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = head.header("content-length") {
        body.resize(length.parse().map_err(io::Error::other)?, 0);
        io.read_exact(&mut body).await?;
    } else if head.start[0].starts_with("HTTP/") {
        io.read_to_end(&mut body).await?;
    }
    Ok(text(&body))
}

/// Writes a head and a body as they are.
///
/// # Errors
/// When the peer does not take it.
pub async fn write(io: &mut BufReader<TcpStream>, message: &Message) -> io::Result<()> {
    let Message { head, body } = message;
    let mut text = head.start.join(" ");
    for (name, value) in &head.headers {
        text += &format!("\r\n{name}: {value}");
    }
    text += "\r\n\r\n";
    text += body;
    io.write_all(&bytes(&text)).await?;
    io.flush().await
}

/// Sends `request` and reads the response.
///
/// # Errors
/// When there is none.
pub async fn exchange(io: &mut BufReader<TcpStream>, request: &Message) -> io::Result<Message> {
    write(io, request).await?;
    let head = read_head(io).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let none = request.head.start[0] == "HEAD" || matches!(&*head.start[1], "204" | "304");
    let body = match none {
        true => String::new(),
        false => read_body(io, &head).await?,
    };
    Ok(Message { head, body })
}

/// One `char` for each byte, so that none is lost.
pub fn text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Undoes [`text`]; what no byte stands for becomes `?`.
pub fn bytes(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| u8::try_from(c).unwrap_or(b'?'))
        .collect()
}
