//! The seven steps, and what each compared.

use core::fmt;

/// One step of the verification, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "complete by nature: the steps are seven"
)]
pub enum Step {
    /// 1: the record is proven under a checkpoint that the receiver trusts: its block is approved.
    Record,
    /// 2: the record is live, and names this receiver.
    Live,
    /// 3: the bytes hash to the record's CID (the paper's case 1).
    Content,
    /// 4: the envelope opens for this receiver and is signed by the record's sender.
    Envelope,
    /// 5: the hidden record is extracted whole.
    Hidden,
    /// 6: the hidden record matches the ledger's (the paper's case 2).
    Match,
    /// 7: the image's other bits are those that the hidden record names.
    Image,
}

impl Step {
    /// Its number, 1 to 7.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Record => 1,
            Self::Live => 2,
            Self::Content => 3,
            Self::Envelope => 4,
            Self::Hidden => 5,
            Self::Match => 6,
            Self::Image => 7,
        }
    }

    /// What it establishes, in a few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Record => "the record is in an approved block",
            Self::Live => "the record is live and names the receiver",
            Self::Content => "the bytes hash to the record's CID",
            Self::Envelope => "the envelope opens, signed by the sender",
            Self::Hidden => "the hidden record is whole",
            Self::Match => "the hidden record matches the ledger",
            Self::Image => "the image is the one that was sent",
        }
    }
}

impl fmt::Display for Step {
    /// `step 3: the bytes hash to the record's CID`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}: {}", self.number(), self.title())
    }
}

/// A step that held, and what was compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    step: Step,
    compared: String,
}

impl Check {
    pub(crate) const fn new(step: Step, compared: String) -> Self {
        Self { step, compared }
    }

    /// Which step.
    #[must_use]
    pub const fn step(&self) -> Step {
        self.step
    }

    /// What was compared, for people; nothing that identifies a patient.
    #[must_use]
    pub fn compared(&self) -> &str {
        &self.compared
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.compared)
    }
}
