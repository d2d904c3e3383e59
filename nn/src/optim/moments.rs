//! What an optimiser remembers of each parameter.

use std::collections::BTreeMap;

use clel_tensor::Tensor;

use crate::{Error, Parameter, Result};

/// Arrays by the name of their parameter, saved as `NAME.KIND`.
#[derive(Debug)]
pub(super) struct Moments {
    kind: &'static str,
    values: BTreeMap<String, Tensor>,
}

impl Moments {
    pub fn new(kind: &'static str) -> Moments {
        Moments {
            kind,
            values: BTreeMap::new(),
        }
    }

    /// The moment of a parameter; zeros at first.
    pub fn get(&self, name: &str, parameter: &Tensor) -> Result<Tensor> {
        match self.values.get(name) {
            Some(t) if t.shape() == parameter.shape() => Ok(t.clone()),
            Some(t) => Err(Error::Gradients {
                why: format!("`{name}` is {parameter:?}, but was {:?} before", t.shape()),
            }),
            None => Ok(Tensor::zeros(
                parameter.shape(),
                parameter.dtype(),
                parameter.device(),
            )?),
        }
    }

    pub fn set(&mut self, name: &str, value: Tensor) {
        self.values.insert(name.to_owned(), value);
    }

    pub fn state(&self) -> impl Iterator<Item = (String, Tensor)> + '_ {
        let named = self.values.iter();
        named.map(|(name, t)| (format!("{name}.{}", self.kind), t.clone()))
    }

    /// The moments in a saved state; `started` says whether there have to be any.
    pub fn read(
        &self,
        parameters: &[(String, &Parameter)],
        state: &BTreeMap<String, Tensor>,
        started: bool,
    ) -> Result<Moments> {
        let mut read = Moments::new(self.kind);
        for (name, p) in parameters {
            let key = format!("{name}.{}", self.kind);
            let p = p.tensor();
            match state.get(&key) {
                Some(t) if t.shape() == p.shape() && t.dtype() == p.dtype() => {
                    read.set(name, t.to_device(p.device())?);
                }
                None if !started => {}
                found => {
                    let found = found.map_or("nothing".into(), describe);
                    return Err(Error::OptimizerState {
                        key,
                        expected: describe(&p),
                        found,
                    });
                }
            }
        }
        Ok(read)
    }
}

/// Refuses a state with an array that no parameter explains.
pub(super) fn check_known(
    known: &[&Moments],
    other: &[&str],
    state: &BTreeMap<String, Tensor>,
) -> Result<()> {
    let unknown = state.keys().find(|key| {
        let kinds = known.iter().any(|m| {
            let name = key.strip_suffix(m.kind).and_then(|k| k.strip_suffix('.'));
            name.is_some_and(|name| m.values.contains_key(name))
        });
        !kinds && !other.contains(&key.as_str())
    });
    match unknown {
        None => Ok(()),
        Some(key) => Err(Error::OptimizerState {
            key: key.clone(),
            expected: "nothing of that name".into(),
            found: describe(&state[key]),
        }),
    }
}

/// Type and shape, for messages about files.
pub(super) fn describe(t: &Tensor) -> String {
    format!("{} {:?}", t.dtype(), t.shape())
}
