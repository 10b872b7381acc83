//! The same random operations on both databases: every answer and, in the end, every row must be the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use std::collections::BTreeMap;

use common::*;
use domain::{AccountId, SecretId};
use store::{
    AccountKeyRow, ActiveRow, AuditFilter, EnvironmentRow, IdempotencyRow, LoginCodeRow, Store, StoreError, Tx,
};

const OPERATIONS: u32 = 1000;

/// SplitMix64. Its seed is printed and can be given again in `TRESOR_TEST_SEED`.
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }

    fn time(&mut self) -> i64 {
        i64::try_from(self.below(200_000)).unwrap()
    }

    fn account(&mut self) -> AccountId {
        account_id(self.pick(&["acc", "other", "other", "acc", "nobody"]))
    }

    fn environment(&mut self) -> &'static str {
        self.pick(&["production", "test", "test", "staging"])
    }

    fn secret(&mut self) -> &'static str {
        self.pick(&["A", "A1", "A_B", "AB", "_A"])
    }

    fn function(&mut self) -> &'static str {
        self.pick(&["mail", "a-b", "ab"])
    }
}

#[tokio::test]
async fn both_databases_agree() {
    let seed = std::env::var("TRESOR_TEST_SEED").map_or(20_261_122, |text| text.parse().unwrap());
    println!("TRESOR_TEST_SEED={seed}");
    let (sqlite, postgres) = (Database::sqlite(), Database::postgres().await);
    let stores = [sqlite.open().await, postgres.open().await];
    let mut random = Random(seed);
    for store in &stores {
        account(store, "acc").await;
    }
    let mut succeeded = 0;
    for number in 0..OPERATIONS {
        let mut answers = Vec::new();
        let mut after = random.clone();
        for store in &stores {
            after = random.clone();
            answers.push(operation(store, &mut after).await);
        }
        random = after;
        assert_eq!(answers[0], answers[1], "operation {number}");
        succeeded += u32::from(answers[0].contains("Ok("));
    }
    let state = sqlite.dump().await;
    assert_eq!(state, postgres.dump().await);
    println!("{succeeded} of {OPERATIONS} operations succeeded and left {} rows", state.len());
    assert!(succeeded > OPERATIONS / 2 && succeeded < OPERATIONS, "{succeeded}: the mix is too tame or too wild");
}

fn shown<T: std::fmt::Debug>(what: &str, result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Database(_)) => format!("{what}: Err(Database)"),
        result => format!("{what}: {result:?}"),
    }
}

async fn operation(store: &Store, random: &mut Random) -> String {
    let kind = random.below(35);
    match kind {
        0..20 => {
            let mut inner = Random(random.below(u64::MAX));
            let result = store.write(move |tx| Box::pin(async move { write(tx, kind, &mut inner).await })).await;
            shown("write", result)
        }
        _ => read(store, kind, random).await,
    }
}

async fn write(tx: &mut Tx, kind: u64, random: &mut Random) -> Result<String, StoreError> {
    let account = random.account();
    let at = random.time();
    let outcome = match kind {
        0 => {
            let row = account_row(account.as_str());
            tx.insert_account(&row).await?;
            format!("{row:?}")
        }
        1 => {
            let row = EnvironmentRow { name: environment(random.environment()), created_at: time(at) };
            format!("{:?}", tx.insert_environment(&account, &row).await?)
        }
        2 => {
            let row = AccountKeyRow {
                key_id: random.pick(&["k1", "k2", "k3", "k4", "k5"]).to_owned(),
                wrapped: vec![u8::try_from(random.below(256)).unwrap(); 3],
                created_at: time(at),
                current: random.below(2) == 0,
                account,
            };
            format!("{:?}", tx.insert_account_key(&row).await?)
        }
        3 => {
            let mut row = token_row(&account, random.pick(&["t1", "t2", "t3", "t4"]));
            row.hash = format!("{account}-{}", row.id);
            row.environments = [None, Some(Vec::new())][usize::from(random.below(2) == 0)].clone();
            format!("{:?}", tx.insert_token(&row).await?)
        }
        4 => {
            let id = random.pick(&["t1", "t2", "t3", "t4"]);
            format!("{:?} {:?}", tx.touch_token(&account, id, time(at)).await?, {
                if random.below(4) == 0 { Some(tx.revoke_token(&account, id, time(at)).await?) } else { None }
            })
        }
        5 => {
            let token = [None, Some("t1"), Some("t2")][usize::try_from(random.below(3)).unwrap()];
            let mut row = session_row(&account, random.pick(&["s1", "s2", "s3"]), token);
            row.hash = format!("{account}-{}", row.id);
            row.expires_at = time(at);
            format!("{:?}", tx.insert_session(&row).await?)
        }
        6 => {
            let row = LoginCodeRow {
                hash: random.pick(&["c1", "c2", "c3"]).to_owned(),
                account,
                token_id: None,
                name: "ü".to_owned(),
                scopes: domain::ScopeSet::admin(),
                environments: None,
                expires_at: time(at),
            };
            format!("{:?}", tx.insert_login_code(&row).await?)
        }
        7 => format!("{:?}", tx.take_login_code(random.pick(&["c1", "c2", "c3"]), time(at)).await?),
        8 => format!(
            "{} {}",
            tx.prune_sessions(time(at / 4)).await?,
            tx.delete_session(&account, random.pick(&["s1", "s2", "s3"])).await?
        ),
        9..=11 => put(tx, account, at, random).await?,
        12 => {
            let row = secret_row(&account, random.environment(), random.secret());
            let version = random.below(4) + 1;
            match random.below(4) {
                3 => {
                    let user = secret_row(&account, random.environment(), row.name.as_str());
                    format!("{}", tx.share_secret(&account, &user.id, &row.id, b"tag", time(at), "x").await?)
                }
                0 => format!("{}", tx.activate_version(&account, &row.id, version, time(at), "x").await?),
                1 => format!("{}", tx.destroy_version(&account, &row.id, version, time(at)).await?),
                _ if random.below(3) == 0 => format!("{}", tx.delete_secret(&account, &row.id).await?),
                _ => format!("{:?}", tx.touch_secrets(&account, &row.environment, &[row.name], time(at)).await?),
            }
        }
        13 => {
            let mut row = function_row(&account, random.function());
            row.created_at = time(at);
            format!("{:?}", tx.insert_function(&row).await?)
        }
        14..=15 => {
            let row = deployment_row(&function_row(&account, random.function()).id, random.pick(&["d1", "d2", "d3"]));
            tx.insert_bundle_if_absent(&account, &row.digest, row.digest.as_bytes()).await?;
            let files = BTreeMap::from([("index.ts".to_owned(), format!("\0 ü {at}"))]);
            let number = tx.insert_deployment(&account, &row, &files).await?;
            let active = ActiveRow {
                function_id: row.function_id,
                environment: environment(random.environment()),
                number: number.saturating_sub(random.below(3)),
                updated_at: time(at),
            };
            format!("{number} {:?}", tx.set_active(&account, &active).await?)
        }
        16 => {
            let id = function_row(&account, random.function()).id;
            let rows = (0..40).map(|_| {
                let name = format!("i{}", random.below(1 << 40));
                invocation_row(&account, &id, &name, random.time())
            });
            let rows: Vec<_> = rows.collect();
            let lines: Vec<_> = (0..70).map(|n| log_row(&account, &id, Some("i"), n, random.time())).collect();
            tx.insert_invocations(&rows).await?;
            format!("{:?}", tx.insert_logs(&lines).await?)
        }
        17 => {
            let id = function_row(&account, random.function()).id;
            if random.below(4) == 0 {
                format!("{}", tx.delete_function(&account, &id).await?)
            } else {
                format!("{:?}", tx.prune_invocations(&account, &id, time(at / 8), 30).await?)
            }
        }
        18 => {
            let row = IdempotencyRow {
                key: random.pick(&["a", "b", "c"]).to_owned(),
                fingerprint: Vec::new(),
                status: 200,
                body: "é".to_owned(),
                created_at: time(at),
                account,
            };
            let pruned = tx.prune_idempotency(time(at / 4)).await?;
            format!("{pruned} {:?}", tx.insert_idempotency(&row).await?)
        }
        _ => {
            let key = random.pick(&["x", "y", "z"]);
            let kept = tx.put_server_state_if_absent(key, &at.to_be_bytes()).await?;
            format!("{kept:?} {:?}", tx.insert_checkpoint(&account, random.below(9), "note").await?)
        }
    };
    // Every write is audited, as in the product, some of them in the account that does not exist.
    let logged = random.account();
    let index = tx.append_audit(&event(&logged, "secret.put", random.secret(), random.below(99))).await?;
    // And some fail at the very end, with all they did.
    if random.below(10) == 0 { Err(StoreError::NotRun) } else { Ok(format!("{outcome} {index}")) }
}

async fn put(tx: &mut Tx, account: AccountId, at: i64, random: &mut Random) -> Result<String, StoreError> {
    let mut row = secret_row(&account, random.environment(), random.secret());
    row.updated_at = time(at);
    row.hosts = vec![String::new(); usize::try_from(random.below(3)).unwrap()];
    let ciphertext = at.to_be_bytes();
    let next = match random.below(2) {
        0 => tx.next_version(&account, &row.id).await?,
        _ => match tx.put_view(&account, &row.environment, &row.name, Some(b"fingerprint")).await {
            Ok(view) => view.secret.map(|(_, next)| next),
            Err(StoreError::Missing) => None,
            Err(error) => return Err(error),
        },
    };
    match next {
        None => tx.insert_secret(&row, &ciphertext).await?,
        Some(next) => {
            row.version = next + u64::from(random.below(10) == 0);
            tx.add_version(&row, &ciphertext).await?;
        }
    }
    Ok(format!("{}", row.version))
}

async fn read(store: &Store, kind: u64, random: &mut Random) -> String {
    let account = random.account();
    let env = environment(random.environment());
    let (secret, function) = (secret_name(random.secret()), function_name(random.function()));
    let secret_id = SecretId::new(format!("{account}/{env}/{secret}"));
    let function_id = format!("{account}/{function}");
    let limit = u32::try_from(random.below(6)).unwrap() + 1;
    match kind {
        20 => shown("secret", store.secret(&account, &env, &secret).await),
        21 => shown("secrets", store.secrets(&account, None, Some((&env, &secret)), limit).await),
        22 => shown("secrets", store.secrets(&account, Some(&env), Some((&env, &secret)), limit).await),
        23 => shown("current_values", store.current_values(&account, &env).await),
        34 => shown("values_stamp", store.values_stamp(&account, &env).await),
        24 => shown("versions", store.versions(&account, &secret_id, Some(random.below(5)), limit).await),
        25 => shown("functions", store.functions(&account, Some(&function), limit).await),
        26 => shown("active_deployment", store.active_deployment(&account, &env, &function).await),
        27 => shown("deployments", store.deployments(&account, &function_id, None, limit).await),
        28 => {
            let before = Some((time(random.time()), "i5"));
            shown("invocations", store.invocations(&account, &function_id, Some(&env), before, limit).await)
        }
        29 => shown("active_deployments", store.active_deployments(&account, &env).await),
        30 => shown("tokens", store.tokens(&account, Some("t1"), limit).await),
        31 => {
            let filter = AuditFilter { resource_name: Some(secret.to_string()), ..Default::default() };
            shown("audit_events", store.audit_events(&account, &filter, Some(random.below(500)), limit).await)
        }
        32 => shown("consistency", store.consistency_proof(&account, random.below(100), random.below(400)).await),
        _ => shown("counts", {
            let secrets = store.count_secrets(&account).await;
            let keys = store.account_keys(&account).await;
            secrets.and_then(|n| keys.map(|keys| (n, keys)))
        }),
    }
}
