//! Blobs in a real bucket. `CONSORT_BUCKET` says which one, and it must be empty where its address points; keys stand in the environment.

use bytes::{Bytes, BytesMut};
use consort_cdn::blobs::{Blobs as _, Bucket, contract, put};

fn bucket() -> Bucket {
    let address = std::env::var("CONSORT_BUCKET").expect("CONSORT_BUCKET names a bucket");
    // Each test has a place of its own there.
    let name = std::thread::current().name().unwrap_or("test").replace(':', "-");
    let address = address.replacen('?', &format!("/{name}?"), 1);
    Bucket::new(&address.parse().expect("the address of a bucket")).expect("a bucket")
}

fn sample(length: usize) -> Bytes {
    (0..length).map(|at| (at / 251) as u8).collect()
}

#[tokio::test]
async fn a_bucket_keeps_the_contract() {
    let bucket = bucket();
    bucket.check().await.expect("it is there");
    contract::check(&bucket).await;
}

#[tokio::test]
async fn large_blobs_go_up_in_parts_and_are_read_from_anywhere() {
    let (bucket, whole) = (bucket(), sample((12 << 20) + 7));
    let mut writer = bucket.create("l/1").await.unwrap();
    for part in whole.chunks(700_000) {
        writer.write(Bytes::copy_from_slice(part)).await.unwrap();
        assert!(bucket.open("l/1").await.unwrap().is_none(), "nobody sees what is not finished");
    }
    writer.finish().await.unwrap();
    let mut reader = bucket.open("l/1").await.unwrap().unwrap();
    assert_eq!(reader.size(), whole.len() as u64);
    for from in [0, 64, 65_535, 65_536, 5_000_000, 1, whole.len() - 3] {
        let mut read = BytesMut::new();
        let end = (from + 300_000).min(whole.len());
        while from + read.len() < end {
            let more = reader.read((from + read.len()) as u64, end - from - read.len()).await.unwrap();
            assert!(!more.is_empty());
            read.extend_from_slice(&more);
        }
        assert!(read[..] == whole[from..end], "from {from}");
    }
    assert!(bucket.remove("l", 10).await.unwrap());
}

#[tokio::test]
async fn an_upload_that_is_given_up_leaves_nothing() {
    let bucket = bucket();
    let mut writer = bucket.create("g/1").await.unwrap();
    writer.write(sample(6 << 20)).await.unwrap();
    drop(writer);
    assert!(bucket.open("g/1").await.unwrap().is_none());
    put(&bucket, "g/1", sample(3)).await.unwrap();
    assert_eq!(bucket.open("g/1").await.unwrap().unwrap().size(), 3);
    put(&bucket, "g/2", Bytes::new()).await.unwrap();
    let mut empty = bucket.open("g/2").await.unwrap().unwrap();
    assert_eq!((empty.size(), empty.read(0, 9).await.unwrap().len()), (0, 0));
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_told_and_one_that_does_not_answer_is_waited_for() {
    let address = std::env::var("CONSORT_BUCKET").unwrap();
    let (_, query) = address.split_once('?').unwrap();
    let wrong = Bucket::new(&format!("s3://nowhere?{query}").parse().unwrap()).unwrap();
    assert!(wrong.check().await.is_err());
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = format!("s3://test?endpoint=http://{nobody}").parse().unwrap();
    let away = Bucket::new(&away).unwrap();
    away.check().await.expect("it may be there later");
    assert!(away.open("a/1").await.is_err(), "away is not absent");
}
