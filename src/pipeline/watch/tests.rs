#![allow(clippy::unwrap_used)]
use super::*;
use crate::model::recipe::Recipe;

const RECIPE: &str = "collection: {id: c, description: D}\nsources: [{root: first}]\nitem: {pattern: '{file}.nc', id: '{{ file }}'}\noutput: out\n";

fn recipe(folder: &Path, text: &str) -> Arc<Recipe> {
    std::fs::create_dir_all(folder.join("first")).unwrap();
    std::fs::create_dir_all(folder.join("second")).unwrap();
    Arc::new(crate::recipe::parse(text, &folder.join("recipe.yaml")).unwrap())
}

fn follower(folder: &Path) -> (Follower, UnboundedReceiver<Told>) {
    let (follower, heard) = unbounded_channel();
    let (metrics, quiet) = (Arc::new(Metrics::new(false)), Duration::from_secs(10));
    let desk = Desk::open(folder, recipe(folder, RECIPE), follower, Arc::clone(&metrics)).unwrap();
    let settings = WatchSettings { inotify: true, quiet, retry: Duration::from_secs(1000), ..WatchSettings::default() };
    // There is no recipe: what is started fails at once.
    let place = Place { recipe: folder.join("recipe.yaml"), state: Some(folder.to_owned()), jobs: 1 };
    (Follower::new(place, Arc::new(desk), metrics, &settings), heard)
}

fn seconds_to_full(follower: &Follower) -> u64 {
    let due = follower.asked.unwrap_or(follower.next_full).min(follower.next_full);
    due.saturating_duration_since(Instant::now()).as_secs()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_during_a_look_at_everything_asks_for_another() {
    let folder = tempfile::tempdir().unwrap();
    let (mut follower, _heard) = follower(&folder.path().canonicalize().unwrap());
    for (is_lost, expected) in [(false, 990..=1000), (true, 0..=10)] {
        follower.next_full = Instant::now();
        follower.start_what_is_due(&|_| ());
        let work = follower.running.take().unwrap();
        assert!(work.full);
        if is_lost {
            follower.note(Told::Everything("the queue was full".into()));
        }
        follower.failed_fulls = 0;
        follower.finish(work, Ok(Done::failed(true, "x".into())), &|_| ());
        assert!(expected.contains(&seconds_to_full(&follower)), "{is_lost}: {}", seconds_to_full(&follower));
    }
}

/// Waits until a path is told; all others are of its folder.
async fn until_told(heard: &mut UnboundedReceiver<Told>, awaited: &Path) {
    loop {
        match heard.recv().await.unwrap() {
            Told::Path { path, .. } if path == awaited => return,
            Told::Path { path, .. } => assert!(path.starts_with(awaited.parent().unwrap()), "{}", path.display()),
            Told::Everything(reason) => unreachable!("{reason}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn roots_are_watched_that_the_recipe_has_now_and_that_stand_there_now() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let (mut follower, mut heard) = follower(&folder);
    follower.ground.renew(&|line| unreachable!("{line}"));
    assert!(!follower.ground.is_stale());
    follower.desk.set_recipe(recipe(&folder, &RECIPE.replace("first", "second")));
    assert!(follower.ground.is_stale());
    follower.ground.renew(&|line| unreachable!("{line}"));
    std::fs::write(folder.join("first/a.nc"), "a").unwrap();
    std::fs::write(folder.join("second/a.nc"), "a").unwrap();
    until_told(&mut heard, &folder.join("second/a.nc")).await;
    // Another folder in its place, and with luck under the same number.
    std::fs::rename(folder.join("second"), folder.join("away")).unwrap();
    std::fs::create_dir(folder.join("second")).unwrap();
    follower.next_full = Instant::now() + Duration::from_secs(5000);
    assert!(seconds_to_full(&follower) > 10);
    let path = folder.join("second");
    until_told(&mut heard, &path).await;
    follower.note(Told::Path { key: "second".into(), path, serial: 1 });
    assert!(seconds_to_full(&follower) <= 10 && follower.ground.is_stale());
    follower.ground.renew(&|line| unreachable!("{line}"));
    std::fs::write(folder.join("second/b.nc"), "b").unwrap();
    until_told(&mut heard, &folder.join("second/b.nc")).await;
}

#[test]
fn pauses_grow_up_to_an_hour() {
    let first = Duration::from_secs(30);
    assert_eq!(pause(first, 1), first);
    assert_eq!(pause(first, 3), first * 4);
    assert_eq!(pause(first, 30), LONGEST_PAUSE);
    assert_eq!(pause(first, u32::MAX), LONGEST_PAUSE);
}
