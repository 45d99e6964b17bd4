//! What the crypto library does when nobody asks for more: signatures in a loop.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};

use crate::cores;

/// A key of the kind the server signs with, and what it signs.
pub(crate) struct Signer {
    pair: RsaKeyPair,
    message: Vec<u8>,
}

impl Signer {
    /// A fresh RSA key of 2048 bits, to sign what stands before the signature of this token.
    pub(crate) fn for_token(token: &str) -> Result<Self> {
        let (message, _) = token
            .rsplit_once('.')
            .ok_or_else(|| anyhow!("the ID token is no compact JWS"))?;
        let pair = RsaKeyPair::generate(KeySize::Rsa2048);
        Ok(Self {
            pair: pair.map_err(|_| anyhow!("no RSA key could be made"))?,
            message: message.as_bytes().to_vec(),
        })
    }

    /// RS256 signatures per second, by one thread for each of these cores.
    pub(crate) fn per_second(&self, on_cores: &[usize], span: Duration) -> Result<f64> {
        let rates = cores::on(on_cores, || {
            thread::scope(|scope| {
                let threads: Vec<_> = on_cores
                    .iter()
                    .map(|_| scope.spawn(|| self.sign_for(span)))
                    .collect();
                let rates = threads.into_iter().map(|thread| {
                    let done = thread.join();
                    done.map_err(|_| anyhow!("a signing thread panicked"))?
                });
                rates.collect::<Result<Vec<f64>>>()
            })
        })?;
        Ok(rates.iter().sum())
    }

    fn sign_for(&self, span: Duration) -> Result<f64> {
        let random = SystemRandom::new();
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let mut made = 0_u32;
        let began = Instant::now();
        while began.elapsed() < span {
            self.pair
                .sign(&RSA_PKCS1_SHA256, &random, &self.message, &mut signature)
                .map_err(|_| anyhow!("the key does not sign"))?;
            made += 1;
        }
        Ok(f64::from(made) / began.elapsed().as_secs_f64())
    }
}
