use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

#[test]
fn a_file_keeps_records_and_another_programs_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalogue.sqlite");
    let store = Store::open(&path).unwrap();
    let (collection, item) =
        (CollectionRecord::from_json(collection("c")).unwrap(), ItemRecord::from_json(item("a")).unwrap());
    assert!(matches!(store.put_item(&item), Err(StoreError::NoCollection(_))));
    assert_eq!(store.put_collection(&collection).unwrap(), Change::Inserted);
    assert_eq!(store.put_item(&item).unwrap(), Change::Inserted);
    assert_eq!(store.put_item(&item).unwrap(), Change::Unchanged);
    drop(store);
    let store = Store::open(&path).unwrap();
    assert_eq!(store.counts().unwrap(), Counts { collections: 1, items: 1 });
    assert_eq!(store.item("c", "a").unwrap(), item.text);
    assert_eq!(store.search(&ItemQuery::default()).unwrap().items.len(), 1);

    let other = folder.path().join("other.sqlite");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    assert!(matches!(Store::open(&other), Err(StoreError::Foreign { .. })));
    let text = folder.path().join("text.sqlite");
    std::fs::write(&text, "this is no database, however long it may be ".repeat(50)).unwrap();
    assert!(matches!(Store::open(&text), Err(StoreError::Database(_))));
}

/// An Item as the naive search sees it: corners in whole degrees, times in whole seconds.
#[derive(Debug, Clone)]
struct Sample {
    collection: u8,
    id: u8,
    west: i32,
    east: i32,
    south: i32,
    north: i32,
    /// Only the two corners are covered, not the box between them.
    corners_only: bool,
    start: i64,
    end: i64,
}

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let sample = (0..3_u8, any::<u8>(), (-18..=18, -18..=18, -9..=9, -9..=9), any::<bool>(), (0..20_i64, 0..5_i64));
    let sample =
        sample.prop_map(|(collection, id, (west, east, south, north), corners_only, (start, length))| Sample {
            collection,
            id,
            west: west * 10,
            east: east * 10,
            south: i32::min(south, north) * 10,
            north: i32::max(south, north) * 10,
            corners_only,
            start,
            end: start + length,
        });
    vec(sample, 0..40).prop_map(|mut samples| {
        samples.sort_by_key(Sample::key);
        samples.dedup_by_key(|sample| sample.key());
        samples
    })
}

impl Sample {
    fn key(&self) -> (String, String) {
        (format!("c{}", self.collection), format!("i{:03}", self.id))
    }

    fn record(&self) -> ItemRecord {
        let (collection, id) = self.key();
        let Self { west, east, south, north, .. } = *self;
        let ring =
            |west: i32, east: i32| json!([[[west, south], [east, south], [east, north], [west, north], [west, south]]]);
        let geometry = if self.corners_only {
            json!({"type": "MultiPoint", "coordinates": [[west, south], [east, north]]})
        } else if west > east {
            json!({"type": "MultiPolygon", "coordinates": [ring(west, 180), ring(-180, east)]})
        } else {
            json!({"type": "Polygon", "coordinates": ring(west, east)})
        };
        let time = |seconds: i64| chrono::DateTime::from_timestamp(seconds, 0).unwrap().to_rfc3339();
        ItemRecord::from_json(json!({"type": "Feature", "id": id, "collection": collection, "geometry": geometry,
            "bbox": [west, south, east, north], "properties":
            {"datetime": null, "start_datetime": time(self.start), "end_datetime": time(self.end)}}))
        .unwrap()
    }

    /// Whether the Item meets a box: every whole degree of longitude is looked at.
    fn meets(&self, [west, south, east, north]: [i32; 4]) -> bool {
        let covers = |west: i32, east: i32, longitude: i32| {
            if west <= east { (west..=east).contains(&longitude) } else { longitude >= west || longitude <= east }
        };
        if self.corners_only {
            let corners = [(self.west, self.south), (self.east, self.north)];
            return corners.iter().any(|(x, y)| covers(west, east, *x) && (south..=north).contains(y));
        }
        let columns =
            (-180..=180).any(|longitude| covers(west, east, longitude) && covers(self.west, self.east, longitude));
        columns && self.south <= north && self.north >= south
    }
}

#[derive(Debug, Clone)]
struct Question {
    bbox: Option<[i32; 4]>,
    interval: Option<(Option<i64>, Option<i64>)>,
    collections: Vec<u8>,
    ids: Vec<u8>,
    limit: usize,
}

fn questions() -> impl Strategy<Value = Question> {
    use proptest::option::of as option;
    let bbox = (-36..=36, -18..=18, -36..=36, -18..=18).prop_map(|(west, south, east, north)| {
        [west * 5, i32::min(south, north) * 5, east * 5, i32::max(south, north) * 5]
    });
    let interval = (option(0..25_i64), 0..8_i64, any::<bool>()).prop_map(|(start, length, is_open)| match start {
        None => (None, Some(length)),
        Some(start) => (Some(start), (!is_open).then_some(start + length)),
    });
    (option(bbox), option(interval), vec(0..4_u8, 0..3), vec(any::<u8>(), 0..2), 1..12_usize)
        .prop_map(|(bbox, interval, collections, ids, limit)| Question { bbox, interval, collections, ids, limit })
}

impl Question {
    fn admits(&self, sample: &Sample) -> bool {
        let (start, end) = self.interval.unwrap_or_default();
        self.bbox.is_none_or(|bbox| sample.meets(bbox))
            && start.is_none_or(|start| sample.end >= start)
            && end.is_none_or(|end| sample.start <= end)
            && (self.collections.is_empty() || self.collections.contains(&sample.collection))
            && (self.ids.is_empty() || self.ids.contains(&sample.id))
    }

    /// The question by `bbox`, and by `intersects` with the same outline.
    fn queries(&self) -> Vec<ItemQuery> {
        let by_box = self.query();
        let Some([west, south, east, north]) = self.bbox else { return vec![by_box] };
        let ring =
            |west: i32, east: i32| json!([[[west, south], [east, south], [east, north], [west, north], [west, south]]]);
        let rings = if west > east { json!([ring(west, 180), ring(-180, east)]) } else { json!([ring(west, east)]) };
        let area = Area::of_geometry(&json!({"type": "MultiPolygon", "coordinates": rings})).unwrap();
        vec![ItemQuery { area: Some(area), ..by_box.clone() }, by_box]
    }

    fn query(&self) -> ItemQuery {
        let bounds = |bbox: [i32; 4]| BoundingBox::from_numbers(&bbox.map(f64::from)).unwrap();
        let microseconds = |seconds: Option<i64>, open| seconds.map_or(open, |seconds| seconds * 1_000_000);
        ItemQuery {
            collections: self.collections.iter().map(|number| format!("c{number}")).collect(),
            ids: self.ids.iter().map(|number| format!("i{number:03}")).collect(),
            area: self.bbox.map(|bbox| Area::of_box(bounds(bbox))),
            interval: self.interval.map(|(start, end)| Interval {
                start: microseconds(start, i64::MIN),
                end: microseconds(end, i64::MAX),
            }),
            limit: self.limit,
            after: None,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_search_finds_what_a_naive_filter_finds_each_once(samples in samples(), asked in vec(questions(), 6)) {
        let store = Store::in_memory().unwrap();
        for id in ["c0", "c1", "c2"] {
            store.put_collection(&CollectionRecord::from_json(collection(id)).unwrap()).unwrap();
        }
        store.insert_items(&samples.iter().map(Sample::record).collect::<Vec<_>>()).unwrap();
        for question in asked {
            let expected: Vec<_> = samples.iter().filter(|sample| question.admits(sample)).map(Sample::key).collect();
            for query in question.queries() {
                let mut query = query;
                let mut found = vec![];
                loop {
                    let page = store.search(&query).unwrap();
                    prop_assert_eq!(page.matched, expected.len() as u64);
                    prop_assert!(page.items.len() <= question.limit);
                    found.extend(page.items.into_iter().map(|item| (item.collection, item.id)));
                    query.after = page.next;
                    if query.after.is_none() {
                        break;
                    }
                }
                prop_assert_eq!(&found, &expected, "{:?}", question);
            }
        }
    }
}
