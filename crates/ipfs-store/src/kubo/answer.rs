//! What a daemon answers: JSON objects one after the other.

use serde_json::{Map, Value};

use crate::{Error, Result};

/// The objects of one answer, and whose they are.
#[derive(Debug)]
pub(super) struct Answers {
    url: String,
    objects: Vec<Map<String, Value>>,
}

impl Answers {
    /// Reads every object; how deep they nest is limited by the parser, how many by the bytes.
    pub(super) fn read(url: &str, bytes: &[u8]) -> Result<Self, String> {
        let values = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
        let objects = values.map(|value| match value {
            Ok(Value::Object(object)) => Ok(object),
            Ok(_) => Err("it holds something other than objects".to_owned()),
            Err(error) => Err(error.to_string()),
        });
        Ok(Self {
            url: url.to_owned(),
            objects: objects.collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }

    /// The text under a key of the first object.
    pub(super) fn text(&self, key: &'static str) -> Result<String> {
        let mut texts = self.texts(key)?;
        if texts.is_empty() {
            return Err(self.wrong(format!("it has no {key}")));
        }
        Ok(texts.swap_remove(0))
    }

    /// The text under a key of every object.
    pub(super) fn texts(&self, key: &'static str) -> Result<Vec<String>> {
        let texts = self.objects.iter().map(|object| match object.get(key) {
            Some(Value::String(text)) => Ok(text.clone()),
            _ => Err(self.wrong(format!("it has no {key}"))),
        });
        texts.collect()
    }

    /// The first object.
    pub(super) fn first(&self) -> Option<&Map<String, Value>> {
        self.objects.first()
    }

    /// An answer that was well at first may still name an error.
    pub(super) fn refuse_errors(&self) -> Result<()> {
        let error = self
            .objects
            .iter()
            .find_map(|object| match object.get("Error") {
                Some(Value::String(text)) if !text.is_empty() => Some(text),
                _ => None,
            });
        match error {
            None => Ok(()),
            Some(text) => Err(Error::Refused {
                url: self.url.clone(),
                action: "carrying out a request",
                status: 200,
                message: shorten(text),
            }),
        }
    }

    fn wrong(&self, reason: String) -> Error {
        Error::Answer {
            url: self.url.clone(),
            action: "reading an answer",
            reason,
        }
    }
}

/// What an error says: Kubo's `Message`, or else the text itself.
pub(super) fn message(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    match serde_json::from_slice::<Map<String, Value>>(bytes) {
        Ok(object) => match object.get("Message") {
            Some(Value::String(message)) => shorten(message),
            _ => shorten(&text),
        },
        Err(_) => shorten(&text),
    }
}

fn shorten(text: &str) -> String {
    let clean = text
        .trim()
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char });
    clean.take(400).collect()
}

/// Reads bytes as each kind of answer.
#[cfg(feature = "testing")]
pub(crate) fn fuzz(bytes: &[u8]) {
    assert!(message(bytes).len() <= 1600, "at most 400 characters");
    if let Ok(answers) = Answers::read("http://127.0.0.1", bytes) {
        drop(answers.refuse_errors());
        if let Ok(texts) = answers.texts("Cid") {
            assert_eq!(texts.len(), answers.len());
            texts.iter().for_each(|text| drop(crate::parse_cid(text)));
        }
        drop(super::doctor::warnings(&answers));
    }
}
