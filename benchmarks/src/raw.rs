//! What the crypto library does when nobody asks for more: signatures in a loop.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};

use crate::cores;
use crate::process::own_processor_time;

/// How many signatures were made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) per_second: f64,
    /// Per second of processor time, where the system tells.
    pub(crate) per_processor_second: Option<f64>,
}

/// A key of the kind the server signs with, and what it signs.
pub(crate) struct Signer {
    pair: Pair,
    message: Vec<u8>,
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
}

impl Signer {
    /// A fresh RSA key of 2048 bits, to sign what stands before the signature of this token.
    pub(crate) fn for_token(token: &str) -> Result<Self> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048);
        let pair = pair.map_err(|_| anyhow!("no RSA key could be made"))?;
        Self::of(Pair::Rsa(pair), token)
    }

    /// The same with a fresh key for ES256.
    pub(crate) fn es256_for_token(token: &str) -> Result<Self> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        let pair = pair.map_err(|_| anyhow!("no P-256 key could be made"))?;
        Self::of(Pair::P256(pair), token)
    }

    /// For a token of this algorithm.
    pub(crate) fn of_algorithm(algorithm: &str, token: &str) -> Result<Self> {
        match algorithm {
            "RS256" => Self::for_token(token),
            "ES256" => Self::es256_for_token(token),
            other => Err(anyhow!("{other} is not among what is compared")),
        }
    }

    fn of(pair: Pair, token: &str) -> Result<Self> {
        let (message, _) = token
            .rsplit_once('.')
            .ok_or_else(|| anyhow!("the token is no compact JWS"))?;
        let message = message.as_bytes().to_vec();
        Ok(Self { pair, message })
    }

    /// Signatures by one thread for each of these cores, for so long.
    pub(crate) fn rate(&self, on_cores: &[usize], span: Duration) -> Result<Rate> {
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
                rates.collect::<Result<Vec<Rate>>>()
            })
        })?;
        let threads = f64::from(u32::try_from(rates.len())?);
        let costs: Option<Vec<f64>> = rates.iter().map(|r| r.per_processor_second).collect();
        Ok(Rate {
            per_second: rates.iter().map(|rate| rate.per_second).sum(),
            per_processor_second: costs.map(|costs| costs.iter().sum::<f64>() / threads),
        })
    }

    /// One signature.
    pub(crate) fn sign(&self) -> Result<Vec<u8>> {
        let random = SystemRandom::new();
        let signed = match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, &self.message, &mut signature)
                    .map(|()| signature)
            }
            Pair::P256(pair) => {
                let signature = pair.sign(&random, &self.message);
                signature.map(|signature| signature.as_ref().to_vec())
            }
        };
        signed.map_err(|_| anyhow!("the key does not sign"))
    }

    fn sign_for(&self, span: Duration) -> Result<Rate> {
        let mut made = 0_u32;
        let before = own_processor_time();
        let began = Instant::now();
        while began.elapsed() < span {
            std::hint::black_box(self.sign()?);
            made += 1;
        }
        let took = began.elapsed().as_secs_f64();
        let processor = own_processor_time().zip(before);
        let processor = processor.map(|(after, before)| after.saturating_sub(before).as_secs_f64());
        Ok(Rate {
            per_second: f64::from(made) / took,
            per_processor_second: processor
                .filter(|seconds| *seconds > 0.0)
                .map(|seconds| f64::from(made) / seconds),
        })
    }
}
