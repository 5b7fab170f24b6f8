//! The readable form of a [`RouteExplanation`].

use std::fmt::{Display, Formatter, Result};

use super::{ClusterExplanation, Decision, How, RouteExplanation, RuleOutcome, RuleTried};

impl Display for RouteExplanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "{}", self.request)?;
        let (name, origin) = (&self.route_configuration, &self.origin);
        writeln!(f, "route configuration `{name}` ({origin})")?;
        match &self.virtual_host {
            Ok(chosen) => {
                let (name, domain, origin) = (&chosen.name, &chosen.domain, &chosen.origin);
                writeln!(f, "virtual host `{name}` by domain `{domain}` ({origin})")?;
            }
            Err(why) => writeln!(f, "no virtual host: {why}")?,
        }
        for rule in &self.rules {
            writeln!(f, "  {rule}")?;
        }
        match self.untried {
            0 => {}
            1 => writeln!(f, "  1 more rule not tried")?,
            n => writeln!(f, "  {n} more rules not tried")?,
        }
        for policy in &self.policies {
            writeln!(f, "  {policy}")?;
        }
        self.decision.fmt(f)
    }
}

impl Display for RuleTried {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "rule {}", self.index)?;
        if !self.name.is_empty() {
            write!(f, " `{}`", self.name)?;
        }
        write!(f, " ({}): ", self.origin)?;
        match &self.outcome {
            RuleOutcome::Matched => f.write_str("matched"),
            RuleOutcome::Failed(why) => write!(f, "no: {why}"),
        }
    }
}

impl Display for Decision {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::NoRoute => f.write_str("no route: 404"),
            Self::TlsRedirect { location } => {
                write!(f, "the virtual host demands TLS: 301 to {location}")
            }
            Self::Redirect { status, location } => {
                write!(f, "redirect: {} to {location}", status.as_u16())
            }
            Self::DirectResponse { status } => write!(f, "direct response: {}", status.as_u16()),
            Self::Cluster(cluster) => cluster.fmt(f),
        }
    }
}

impl Display for ClusterExplanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if let How::Weighted {
            draw,
            from_header,
            from_hash,
            total,
            roll,
            entries,
        } = &self.how
        {
            write!(f, "weights: roll {roll} of {total} (draw {draw}")?;
            if let Some(header) = from_header {
                write!(f, ", from header {header}")?;
            }
            if *from_hash {
                f.write_str(", from the request's hash")?;
            }
            writeln!(f, ")")?;
            for entry in entries {
                let mark = if entry.chosen { "▶" } else { " " };
                let (from, to, weight) = (entry.from, entry.to, entry.weight);
                let (cluster, origin) = (&entry.cluster, &entry.origin);
                writeln!(
                    f,
                    "{mark} {from}..{to} weight {weight} `{cluster}` ({origin})"
                )?;
            }
        }
        match (&self.name, &self.how) {
            (Some(name), How::Header(header)) => {
                write!(f, "cluster `{name}`, named by header {header}")?;
            }
            (Some(name), _) => write!(f, "cluster `{name}`")?,
            (None, How::Header(header)) => {
                write!(
                    f,
                    "no cluster: header {header}, which should name it, is missing"
                )?;
            }
            (None, _) => f.write_str("no cluster")?,
        }
        for (index, (key, value)) in self.subset.iter().enumerate() {
            let separator = if index == 0 { ", subset " } else { ", " };
            write!(f, "{separator}{key}={value}")?;
        }
        Ok(())
    }
}
