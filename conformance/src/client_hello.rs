//! The first message of TLS, as far as Envoy's TLS inspector reads it (RFC 8446 §4.1.2).

/// A ClientHello with this server name (RFC 6066 §3) and these protocols (RFC 7301 §3.1).
pub fn client_hello(server_name: Option<&str>, protocols: &[&str]) -> Vec<u8> {
    let mut extensions = Vec::new();
    if let Some(name) = server_name {
        // One entry of type host_name.
        let entry = [&[0][..], &sized(2, name.as_bytes())].concat();
        extensions.extend(extension(0, &sized(2, &entry)));
    }
    if !protocols.is_empty() {
        let names: Vec<u8> = protocols
            .iter()
            .flat_map(|p| sized(1, p.as_bytes()))
            .collect();
        extensions.extend(extension(16, &sized(2, &names)));
    }
    // TLS 1.3 and 1.2.
    extensions.extend(extension(43, &sized(1, &[3, 4, 3, 3])));
    let body = [
        &[3, 3][..],
        &[7; 32],
        // No session; two cipher suites; no compression.
        &[0],
        &sized(2, &[0x13, 0x01, 0xc0, 0x2f]),
        &sized(1, &[0]),
        &sized(2, &extensions),
    ]
    .concat();
    let handshake = [&[1][..], &sized(3, &body)].concat();
    [&[22, 3, 1][..], &sized(2, &handshake)].concat()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &sized(2, body)].concat()
}

/// `bytes` behind their length, which is written in `width` bytes.
fn sized(width: usize, bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len().to_be_bytes();
    [&length[length.len() - width..], bytes].concat()
}
