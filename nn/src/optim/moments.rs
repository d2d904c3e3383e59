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

    /// The moments of the parameters; zeros at first.
    pub fn of(&self, parameters: &[(String, &Parameter)]) -> Result<Vec<Tensor>> {
        let moment = |(name, parameter): &(String, &Parameter)| {
            let p = parameter.tensor();
            match self.values.get(name) {
                Some(t) if t.shape() == p.shape() => Ok(t.clone()),
                Some(t) => Err(Error::Gradients {
                    why: format!("`{name}` is {p:?}, but was {:?} before", t.shape()),
                }),
                None => Ok(Tensor::zeros(p.shape(), p.dtype(), p.device())?),
            }
        };
        parameters.iter().map(moment).collect()
    }

    /// Refuses a parameter of which nothing is remembered, unless nothing is of any.
    pub fn check_same(&self, parameters: &[(String, &Parameter)]) -> Result<()> {
        let new = |(name, _): &&(String, &Parameter)| !self.values.contains_key(name);
        match parameters.iter().find(new) {
            Some((name, _)) if !self.values.is_empty() => Err(Error::Gradients {
                why: format!("`{name}` was not among the parameters of the steps before"),
            }),
            _ => Ok(()),
        }
    }

    /// Remembers a value for each parameter.
    pub fn set(&mut self, parameters: &[(String, &Parameter)], values: Vec<Tensor>) {
        for ((name, _), value) in parameters.iter().zip(values) {
            self.values.insert(name.clone(), value);
        }
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
                    let t = t.to_device(p.device())?;
                    read.values.insert(name.clone(), t);
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
