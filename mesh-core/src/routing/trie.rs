//! A compressed byte trie: finds every key that begins, or is, a given text.
//!
//! Looking up costs one step per branching point on the way, so it grows with the text's length and
//! not with the number of keys. Nodes lie in breadth-first order, the children of one node side by
//! side, so a step reads one node, its children's first bytes and one label.

/// How far a key reaches into a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// The text begins with the key.
    Prefix,
    /// The text is the key.
    Exact,
    /// The text is the key, or goes on with `/`.
    Separated,
}

/// A key and the number it stands for.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) bytes: Box<[u8]>,
    pub(super) reach: Reach,
    pub(super) value: u32,
}

#[derive(Debug)]
pub(super) struct Trie {
    nodes: Box<[Node]>,
    /// Of each node, the first byte on the way into it.
    first_bytes: Box<[u8]>,
    /// The bytes after the first, of all nodes.
    labels: Box<[u8]>,
    /// Of each node: those of its prefix keys, of its exact ones, of its separated ones. Each run
    /// ascends.
    values: Box<[u32]>,
}

#[derive(Debug, Default)]
struct Node {
    label: u32,
    label_len: u32,
    children: u32,
    child_count: u32,
    values: u32,
    prefixes: u32,
    exacts: u32,
    separated: u32,
}

impl Trie {
    /// Whether `keys` fit: their bytes, and they themselves, are counted in `u32`.
    pub(super) fn fits(keys: impl Iterator<Item = usize>) -> bool {
        let total = keys.fold(2_usize, |sum, len| {
            // A key adds at most two nodes.
            sum.saturating_add(len).saturating_add(2)
        });
        u32::try_from(total).is_ok()
    }

    /// `keys` must [`fit`](Self::fits).
    pub(super) fn new(mut keys: Vec<Key>) -> Self {
        keys.sort_unstable_by(|a, b| (&a.bytes, a.value).cmp(&(&b.bytes, b.value)));
        let mut nodes = vec![Node::default()];
        let mut first_bytes = vec![0];
        let mut labels = Vec::new();
        let mut values = Vec::new();
        // Of each node: the keys below it, and how many bytes lead to it.
        let mut groups = vec![(0..keys.len(), 0_usize)];
        let mut next = 0;
        while let Some((group, depth)) = groups.get(next).cloned() {
            let (ends, mut rest) = {
                let group = &keys[group.clone()];
                group.split_at(group.partition_point(|key| key.bytes.len() == depth))
            };
            let mut add = |reach| {
                let before = values.len();
                let of_reach = ends.iter().filter(|key| key.reach == reach);
                values.extend(of_reach.map(|key| key.value));
                (values.len() - before) as u32
            };
            let node = &mut nodes[next];
            node.prefixes = add(Reach::Prefix);
            node.exacts = add(Reach::Exact);
            node.separated = add(Reach::Separated);
            node.values = (values.len() - ends.len()) as u32;
            node.children = groups.len() as u32;
            let mut start = group.end - rest.len();
            while let Some(first) = rest.first() {
                let byte = first.bytes[depth];
                let (child, others) =
                    rest.split_at(rest.partition_point(|key| key.bytes[depth] == byte));
                // Sorted, so what the first and last share, all share.
                let last = child.last().map_or(&first.bytes, |last| &last.bytes);
                let shared = first.bytes.iter().zip(last).take_while(|(a, b)| a == b);
                let shared = shared.count();
                nodes.push(Node {
                    label: labels.len() as u32,
                    label_len: (shared - depth - 1) as u32,
                    ..Node::default()
                });
                nodes[next].child_count += 1;
                labels.extend_from_slice(&first.bytes[depth + 1..shared]);
                first_bytes.push(byte);
                groups.push((start..start + child.len(), shared));
                start += child.len();
                rest = others;
            }
            next += 1;
        }
        Self {
            nodes: nodes.into(),
            first_bytes: first_bytes.into(),
            labels: labels.into(),
            values: values.into(),
        }
    }

    /// Whether there is no key.
    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Calls `visit` with the values of every key that reaches into `text`, shortest keys first, and
    /// with how many bytes of it those keys cover. With `FOLD`, the keys are in lower case and the
    /// text is read so.
    pub(super) fn walk<const FOLD: bool>(&self, text: &[u8], mut visit: impl FnMut(&[u32], usize)) {
        let mut node = &self.nodes[0];
        let mut at = 0;
        loop {
            if node.prefixes > 0 {
                visit(self.values(node.values, node.prefixes), at);
            }
            let exacts = node.values + node.prefixes;
            let separated = exacts + node.exacts;
            let Some(&byte) = text.get(at) else {
                visit(self.values(exacts, node.exacts), at);
                visit(self.values(separated, node.separated), at);
                return;
            };
            if byte == b'/' && node.separated > 0 {
                visit(self.values(separated, node.separated), at);
            }
            if node.child_count == 0 {
                return;
            }
            let byte = if FOLD {
                byte.to_ascii_lowercase()
            } else {
                byte
            };
            let children = node.children as usize..(node.children + node.child_count) as usize;
            let Ok(child) = self.first_bytes[children.clone()].binary_search(&byte) else {
                return;
            };
            node = &self.nodes[children.start + child];
            at += 1;
            let label = &self.labels[node.label as usize..][..node.label_len as usize];
            let Some(found) = text.get(at..at + label.len()) else {
                return;
            };
            let same = if FOLD {
                found.eq_ignore_ascii_case(label)
            } else {
                found == label
            };
            if !same {
                return;
            }
            at += label.len();
        }
    }

    #[inline]
    fn values(&self, start: u32, count: u32) -> &[u32] {
        &self.values[start as usize..][..count as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trie(keys: &[(&str, Reach)]) -> Trie {
        let keys = keys.iter().zip(0..);
        Trie::new(
            keys.map(|(&(key, reach), value)| Key {
                bytes: key.as_bytes().into(),
                reach,
                value,
            })
            .collect(),
        )
    }

    fn found<const FOLD: bool>(trie: &Trie, text: &str) -> Vec<(u32, usize)> {
        let mut out = Vec::new();
        trie.walk::<FOLD>(text.as_bytes(), |values, at| {
            out.extend(values.iter().map(|&v| (v, at)));
        });
        out
    }

    #[test]
    fn every_reach_sees_its_texts() {
        use Reach::*;
        let t = trie(&[
            ("/api", Prefix),
            ("/api", Exact),
            ("/api", Separated),
            ("/apple", Prefix),
            ("", Prefix),
            ("/api/v1", Exact),
        ]);
        assert_eq!(found::<false>(&t, "/api"), [(4, 0), (0, 4), (1, 4), (2, 4)]);
        assert_eq!(found::<false>(&t, "/api/"), [(4, 0), (0, 4), (2, 4)]);
        assert_eq!(found::<false>(&t, "/apis"), [(4, 0), (0, 4)]);
        assert_eq!(
            found::<false>(&t, "/api/v1"),
            [(4, 0), (0, 4), (2, 4), (5, 7)]
        );
        assert_eq!(found::<false>(&t, "/ap"), [(4, 0)]);
        assert_eq!(found::<false>(&t, "/apple/x"), [(4, 0), (3, 6)]);
        assert_eq!(found::<false>(&t, ""), [(4, 0)]);
    }

    #[test]
    fn folding_reads_the_text_in_lower_case() {
        let t = trie(&[("/api/x", Reach::Exact)]);
        assert_eq!(found::<true>(&t, "/API/X"), [(0, 6)]);
        assert_eq!(found::<false>(&t, "/API/X"), []);
    }

    #[test]
    fn an_empty_trie_finds_nothing() {
        let t = trie(&[]);
        assert!(t.is_empty());
        assert_eq!(found::<false>(&t, "/"), []);
    }

    #[test]
    fn values_of_one_key_ascend() {
        let t = trie(&[("/a", Reach::Prefix); 3]);
        assert_eq!(found::<false>(&t, "/a"), [(0, 2), (1, 2), (2, 2)]);
    }

    #[test]
    fn keys_that_cannot_be_counted_do_not_fit() {
        assert!(Trie::fits([4, 5].into_iter()));
        assert!(!Trie::fits([usize::MAX, usize::MAX].into_iter()));
        assert!(!Trie::fits([u32::MAX as usize].into_iter()));
    }
}
