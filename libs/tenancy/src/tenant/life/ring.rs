use insula_ambient::Timestamp;

/// How far the key ring is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ring {
    /// Nothing to do before `keys_due`.
    Settled,
    /// To be planned before anything is published.
    Due,
    /// The next step of a change is to be planned.
    Stepping(Draft),
    /// The plan is asked for.
    Planning(Draft),
    MakingKey(Draft),
    /// The draft is being stored.
    Swapping,
}

/// A change of the ring that is not stored yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Draft {
    /// The moment all of one change is planned at.
    pub(super) at: Timestamp,
    /// Whether the draft differs from the stored ring.
    pub(super) changed: bool,
}

impl Ring {
    /// Whether its next event comes from outside.
    pub(super) const fn is_running(self) -> bool {
        matches!(
            self,
            Self::Planning(_) | Self::MakingKey(_) | Self::Swapping
        )
    }

    pub(super) const fn is_unplanned(self) -> bool {
        matches!(self, Self::Due | Self::Stepping(_))
    }

    /// The draft that is planned or made; one that begins at `now` if there is none.
    pub(super) const fn draft(self, now: Timestamp) -> Draft {
        match self {
            Self::Stepping(draft) | Self::Planning(draft) | Self::MakingKey(draft) => draft,
            Self::Settled | Self::Due | Self::Swapping => Draft {
                at: now,
                changed: false,
            },
        }
    }
}
