//! A plan carried out: step by step, and back again where one cannot be done.

use super::plan::{Change, Plan, Step};
use super::undo::Undo;
use crate::api::Api;
use crate::declared::{Declaration, Declared};
use crate::feed::Event;
use crate::toxics::{Failure, Front};
use crate::toxiproxy::{put_toxic, take_toxic};
use chenapan_engine::endpoint::plain;
use chenapan_engine::proxy::{Config, Proxy};
use std::io;

/// A plan that could not be carried out, and was undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stopped {
    /// The step that could not be done.
    pub(crate) step: Step,
    pub(crate) why: Refusal,
    /// Parts that could not be undone either.
    pub(crate) left: Vec<String>,
}

/// Cause why a step cannot be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) message: String,
    /// Set when what was declared is wrong, and not the system.
    pub(crate) mistake: bool,
}

impl Stopped {
    /// Returns the cause, and what is not as it was.
    pub(crate) fn message(&self) -> String {
        let mut message = self.why.message.clone();
        for left in &self.left {
            message += &format!("; {left}");
        }
        message
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        let mistake = error.kind() == io::ErrorKind::InvalidInput;
        Self { message: plain(&error), mistake }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self { message: failure.text, mistake: true }
    }
}

/// The models between which a plan leads, and what was done so far.
pub(super) struct Work<'a> {
    pub(super) api: &'a Api,
    pub(super) old: &'a Declared,
    pub(super) new: &'a Declared,
    done: Vec<Undo>,
}

impl<'a> Work<'a> {
    pub(super) fn new(api: &'a Api, old: &'a Declared, new: &'a Declared) -> Self {
        Self { api, old, new, done: Vec::new() }
    }

    /// Carries a plan out, or nothing of it.
    pub(super) async fn carry_out(mut self, plan: &Plan) -> Result<(), Stopped> {
        for step in plan.steps() {
            if let Err(why) = self.step(step).await {
                let mut left = Vec::new();
                while let Some(undo) = self.done.pop() {
                    left.extend(undo.carry_out(self.api).await.err());
                }
                return Err(Stopped { step: step.clone(), why, left });
            }
        }
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Result<(), Refusal> {
        let name = &*step.proxy;
        if step.change == Change::Add {
            return self.add(name);
        }
        let Some(proxy) = self.api.control().get(name) else {
            let message = "it was removed in the meantime; reload again".to_owned();
            return Err(Refusal { message, mistake: false });
        };
        match (step.change, self.old.get(name), self.new.get(name)) {
            (Change::Close, ..) => {
                if proxy.is_enabled() {
                    self.done.push(Undo::Close(proxy.clone()));
                    proxy.disable().await;
                }
            }
            (Change::Remove, ..) => {
                self.api.remove(&proxy).await;
                self.api.feed().say(Event::proxy("removed", &proxy));
            }
            (Change::Cut, ..) => drop(proxy.close_all()),
            (Change::Reopen, ..) if !self.was_closed(&proxy) => {}
            (Change::Reopen | Change::Enable, ..) => {
                if !proxy.is_enabled() {
                    proxy.enable().await?;
                    self.done.push(Undo::Open(proxy));
                }
            }
            (Change::Listen, _, Some(new)) => self.listen(proxy, new).await?,
            (Change::Backend, _, Some(new)) => self.connect(proxy, new)?,
            (Change::Rules, Some(old), Some(new)) => self.rules(proxy, old, new)?,
            (Change::Remake { rules }, Some(old), Some(new)) => {
                self.remake(proxy, old, new, rules).await?;
            }
            (Change::Add | Change::Listen | Change::Backend, ..)
            | (Change::Rules | Change::Remake { .. }, ..) => {}
        }
        Ok(())
    }

    /// Returns `true` if this plan has closed a proxy.
    fn was_closed(&self, proxy: &Proxy) -> bool {
        let closed = |undo: &Undo| matches!(undo, Undo::Close(it) if it.name() == proxy.name());
        self.done.iter().any(closed)
    }

    fn add(&mut self, name: &str) -> Result<(), Refusal> {
        let Some(new) = self.new.get(name) else { return Ok(()) };
        let proxy = self.api.control().add(new.config.clone())?;
        self.api.toxics().set(name, new.front.clone().unwrap_or_default());
        self.done.push(Undo::Add(proxy));
        Ok(())
    }

    async fn listen(&mut self, proxy: Proxy, new: &Declaration) -> Result<(), Refusal> {
        let before = proxy.bound();
        proxy.listen(&new.config.listen).await?;
        let listen = new.front.as_ref().and_then(|front| front.listen.clone());
        let listen = self.front(&proxy, |front| std::mem::replace(&mut front.listen, listen));
        self.done.push(Undo::Listen { proxy, addresses: before, listen });
        Ok(())
    }

    fn connect(&mut self, proxy: Proxy, new: &Declaration) -> Result<(), Refusal> {
        let backend = proxy.backend();
        proxy.set_backend(&new.config.backend)?;
        let upstream = new.front.as_ref().and_then(|front| front.upstream.clone());
        let upstream = self.front(&proxy, |front| std::mem::replace(&mut front.upstream, upstream));
        self.done.push(Undo::Backend { proxy, backend, upstream });
        Ok(())
    }

    /// Changes the rules that the file has changed; those that came over the API stay.
    fn rules(&mut self, proxy: Proxy, old: &Declaration, new: &Declaration) -> Result<(), Refusal> {
        let toxics = self.api.toxics().get(proxy.name()).toxics;
        self.done.push(Undo::Rules { proxy: proxy.clone(), rules: proxy.rules(), toxics });
        if new.front.is_none() {
            let changed = proxy.change_rules(|running| new.rules_beside(old, running));
            return changed.map_err(|error| Refusal { message: error.to_string(), mistake: true });
        }
        for toxic in old.toxics() {
            if !new.toxics().iter().any(|kept| kept.name == toxic.name) {
                take_toxic(self.api, &proxy, &toxic.name)?;
            }
        }
        for toxic in new.toxics() {
            if !old.toxics().iter().any(|known| known.is_as(toxic)) {
                put_toxic(self.api, &proxy, toxic.clone())?;
            }
        }
        Ok(())
    }

    /// Puts a proxy with another protocol or other limits in the place of one.
    async fn remake(
        &mut self,
        proxy: Proxy,
        old: &Declaration,
        new: &Declaration,
        rules: bool,
    ) -> Result<(), Refusal> {
        let before = proxy.config();
        let mut front = self.api.toxics().get(proxy.name());
        let mut config = Config {
            protocol: new.config.protocol.clone(),
            limits: new.config.limits.clone(),
            ..before.clone()
        };
        let kept = front.clone();
        if rules {
            let beside = new.rules_beside(old, &before.rules);
            let beside =
                beside.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
            config.rules = beside.after(&before.rules);
            let toxics = new.toxics_beside(old, &front.toxics);
            front = Front { toxics, ..new.front.clone().unwrap_or_default() };
        }
        let proxy = self.api.control().replace(&proxy, config).await?;
        self.api.toxics().set(proxy.name(), front);
        self.done.push(Undo::Remake { proxy, config: Box::new(before), front: kept });
        Ok(())
    }

    fn front<T>(&self, proxy: &Proxy, change: impl FnOnce(&mut Front) -> T) -> T {
        self.api.toxics().change(proxy.name(), change)
    }
}
