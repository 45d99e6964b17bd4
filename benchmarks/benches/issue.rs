//! What tokens cost beside their signatures: a set of two, against the raw signature of the same
//! data by the crypto library.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot begin should stop at once"
)]

use std::hint::black_box;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, RsaEncoding, RsaKeyPair,
};
use criterion::Criterion;
use insula_ambient::SystemEntropy;
use insula_engine::Peers;
use insula_engine::grants::{CodeFacts, code_plan};
use insula_engine::issue::{Keys, issue};
use insula_engine::token_plan::Asker;
use insula_jose::{Alg, KeyId, SigningKey};
use insula_testkit::{NOW, a_client, a_code_grant, a_tenant, test_keys};

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let spec = a_tenant().build();
    let (grant, ring) = (a_code_grant(), test_keys());
    let (client, peers) = (a_client().build(), Peers::default());
    let facts = CodeFacts {
        spec: &spec,
        keys: &ring,
        grant: &grant,
        asker: Asker {
            client: &client,
            peers: &peers,
            resources: &[],
        },
        begins_refresh: false,
    };
    let mut group = criterion.benchmark_group("issue");
    for alg in Alg::ALL {
        let kid = KeyId::random(&SystemEntropy);
        let key = SigningKey::generate(alg, kid).expect("a key can be made");
        let set = || {
            let plan = code_plan(Some("a-code-of-the-usual-length"), facts, NOW);
            let plan = plan.expect("the grant is good");
            let keys = Keys::of_one(&ring, &key);
            let set = issue(&plan, &spec, keys, NOW, &SystemEntropy);
            set.expect("the key signs")
        };
        let id_token = set().id_token.expect("openid was asked for");
        let (message, _) = id_token.reveal().rsplit_once('.').expect("it is a JWS");
        let raw = raw_signer(alg);
        group.bench_function(format!("{alg} raw signature"), |b| {
            b.iter(|| raw(black_box(message.as_bytes())));
        });
        group.bench_function(format!("{alg} token set"), |b| b.iter(set));
    }
    group.finish();
    criterion.final_summary();
}

/// What takes a message and answers a signature.
type RawSigner = Box<dyn Fn(&[u8]) -> Vec<u8>>;

/// Signs with a fresh key of the library, and does nothing else.
fn raw_signer(alg: Alg) -> RawSigner {
    match alg {
        Alg::RS256 => rsa(&signature::RSA_PKCS1_SHA256),
        Alg::PS256 => rsa(&signature::RSA_PSS_SHA256),
        Alg::ES256 => ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
        Alg::ES384 => ecdsa(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        Alg::EdDSA => {
            let pair = Ed25519KeyPair::generate().expect("a key can be made");
            Box::new(move |message| pair.sign(message).as_ref().to_vec())
        }
    }
}

fn rsa(padding: &'static dyn RsaEncoding) -> RawSigner {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key can be made");
    let random = SystemRandom::new();
    Box::new(move |message| {
        let mut bytes = vec![0; pair.public_modulus_len()];
        pair.sign(padding, &random, message, &mut bytes)
            .expect("the key signs");
        bytes
    })
}

fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm) -> RawSigner {
    let pair = EcdsaKeyPair::generate(algorithm).expect("a key can be made");
    let random = SystemRandom::new();
    Box::new(move |message| {
        let signed = pair.sign(&random, message).expect("the key signs");
        signed.as_ref().to_vec()
    })
}
