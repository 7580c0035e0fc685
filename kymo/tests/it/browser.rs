//! The page in a real Chromium: someone types a target, reads a value off the crosshair, drags a zoom and goes back, and a
//! metric whose name is markup stays a name.
//!
//! Skipped, loudly, where there is no chromium or chromedriver, unless `KYMO_BROWSER=1` makes that a failure.

use render::App;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use thirtyfour::error::WebDriverResult;
use thirtyfour::extensions::query::ElementQueryable;
use thirtyfour::prelude::*;
use tsdb::{Point, Rules, Store, StoreLimits, Timestamp, WhisperStore};

const NOW: Timestamp = Timestamp(1_712_068_640);
const HOSTILE: &str = "evil.<img src=x onerror=alert(1)>";
/// chromedriver takes a free port of ::1 and gives up where the same port of 127.0.0.1 is another test's.
const ATTEMPTS: usize = 8;
/// How long a page may take to show what is waited for; a busy machine needs most of it.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_person_explores_a_metric() {
    let Some(driver) = Driver::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (address, stop, serving) = serve(&folder.path().join("data")).await;
    let profile = folder.path().join("profile");
    let browser = driver.open(&profile.display().to_string(), Scripts::On).await.expect("chromium opens");
    // In a task of its own, so that an assertion that fails leaves no browser behind.
    let (journey_of, server) = (browser.clone(), format!("http://{address}"));
    let outcome = tokio::spawn(async move { journey(&journey_of, &server).await }).await;
    let shown = browser.source().await.unwrap_or_default();
    browser.quit().await.expect("chromium closes");
    stop.send(()).expect("the server is still there");
    serving.await.expect("the server ends").expect("without an error");
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(error)) => panic!("{error}\nthe page was:\n{shown}"),
        Err(failed) => panic!("{failed}\nthe page was:\n{shown}"),
    }
}

/// With scripts switched off the same page draws what its form asks for.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_without_scripts_explores_a_metric() {
    let Some(driver) = Driver::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (address, stop, serving) = serve(&folder.path().join("data")).await;
    let profile = folder.path().join("profile");
    let browser = driver.open(&profile.display().to_string(), Scripts::Off).await.expect("chromium opens");
    let (journey_of, server) = (browser.clone(), format!("http://{address}"));
    let outcome = tokio::spawn(async move { plain_journey(&journey_of, &server).await }).await;
    browser.quit().await.expect("chromium closes");
    stop.send(()).expect("the server is still there");
    serving.await.expect("the server ends").expect("without an error");
    outcome.expect("no assertion failed").expect("the browser obeyed");
}

async fn plain_journey(browser: &WebDriver, server: &str) -> WebDriverResult<()> {
    browser.goto(server).await?;
    assert!(!browser.find(By::Id("theme")).await?.is_displayed().await?, "what needs a script is not shown");
    waited(browser, By::Css("details[data-path=servers] > summary > a")).await?.click().await?;
    waited(browser, By::Css("details[data-path='servers.web01'] > summary > a")).await?.click().await?;
    waited(browser, By::LinkText("cpu")).await?.click().await?;
    assert_eq!(waited(browser, By::Css(".legend .name")).await?.text().await?, "servers.web01.cpu");
    let field = browser.find(By::Id("target")).await?;
    field.clear().await?;
    field.send_keys("servers.*.cpu").await?;
    browser.find(By::Css("#query .go")).await?.click().await?;
    waited(browser, By::Css("tr[data-i='1']")).await?;
    assert_eq!(browser.find_all(By::Css(".plot .series")).await?.len(), 2);
    waited(browser, By::LinkText("1h")).await?.click().await?;
    waited(browser, By::Css("#presets a[href*='from=-1h'][aria-current]")).await?;
    assert_eq!(browser.current_url().await?.query(), Some("target=servers.*.cpu&from=-1h&until=now"));
    browser.find(By::Id("search")).await?.send_keys("web02" + Key::Enter).await?;
    waited(browser, By::LinkText("servers.web02.cpu")).await?.click().await?;
    waited(browser, By::Css("tr[data-name='servers.web02.cpu']")).await?;
    Ok(())
}

async fn journey(browser: &WebDriver, server: &str) -> WebDriverResult<()> {
    overview(browser, server).await?;
    complete_a_target(browser, server).await?;
    type_a_target(browser, server).await?;
    read_a_value(browser).await?;
    zoom_and_back(browser).await?;
    switch_series(browser).await?;
    keys(browser).await?;
    live(browser).await?;
    wrong_target(browser).await
}

/// The first page has graphs in it, finds names, and shows a hostile one as text.
async fn overview(browser: &WebDriver, server: &str) -> WebDriverResult<()> {
    browser.goto(server).await?;
    // Nothing moves by itself until live() asks for it.
    browser.execute("localStorage.setItem('kymo.live', 'off')", vec![]).await?;
    browser.goto(server).await?;
    assert!(browser.find_all(By::Css("#busiest svg .series")).await?.len() >= 3);
    browser.find(By::Css("details[data-path=evil] > summary")).await?.click().await?;
    settled(browser, "details[data-path=evil] li a").await?;
    assert_eq!(texts(browser, "details[data-path=evil] li a").await?, [HOSTILE.trim_start_matches("evil.")]);
    assert!(browser.find_all(By::Css("main img")).await?.is_empty(), "no name became an element");
    browser.find(By::Css("details[data-path=evil] li a")).await?.click().await?;
    settled(browser, ".legend .name").await?;
    assert_eq!(texts(browser, ".legend .name").await?, [HOSTILE]);
    assert!(browser.find_all(By::Css("main img")).await?.is_empty());

    browser.find(By::Id("search")).await?.send_keys("web02 cpu").await?;
    settled(browser, "#suggestions a").await?;
    assert_eq!(texts(browser, "#suggestions a").await?, ["servers.web02.cpu"]);
    Ok(())
}

/// The query field offers what /functions lists, and names; what is chosen stands where the word stood.
async fn complete_a_target(browser: &WebDriver, server: &str) -> WebDriverResult<()> {
    browser.goto(format!("{server}/explore?from=-1h")).await?;
    let field = browser.find(By::Id("target")).await?;
    field.send_keys("sumSeriesW").await?;
    settled(browser, "#offers b").await?;
    assert_eq!(texts(browser, "#offers b").await?, ["sumSeriesWithWildcards(seriesList, *position)"]);
    field.send_keys(Key::Escape).await?;
    field.clear().await?;
    field.send_keys("scale(highestM").await?;
    settled(browser, "#offers b").await?;
    assert_eq!(texts(browser, "#offers b").await?, ["highestMax(seriesList, n)", "highestMin(seriesList, n)"]);
    field.send_keys(Key::Tab + "").await?;
    field.send_keys("servers.web02").await?;
    settled(browser, "#offers b").await?;
    assert_eq!(texts(browser, "#offers b").await?, ["servers.web02.cpu"]);
    field.send_keys(Key::Down + "").await?;
    browser.action_chain().send_keys(Key::Enter + "").perform().await?;
    let typed = "return document.getElementById('target').value";
    assert_eq!(string(browser, typed).await?, "scale(highestMax(servers.web02.cpu");
    field.send_keys(",1),2)" + Key::Enter).await?;
    settled(browser, ".legend .name").await?;
    assert_eq!(texts(browser, ".legend .name").await?, ["scale(servers.web02.cpu,2)"]);
    Ok(())
}

/// A target typed into the query field is drawn, and the address becomes its own.
async fn type_a_target(browser: &WebDriver, server: &str) -> WebDriverResult<()> {
    browser.goto(format!("{server}/explore?from=-1h")).await?;
    let field = browser.find(By::Id("target")).await?;
    field.send_keys("servers.*.cpu" + Key::Enter).await?;
    settled(browser, ".plot .series[data-i='1']").await?;
    assert_eq!(texts(browser, ".legend .name").await?, ["servers.web01.cpu", "servers.web02.cpu"]);
    let address = browser.current_url().await?;
    assert_eq!(address.query(), Some("target=servers.*.cpu&from=-1h&until=now"));
    // web02 stands at 50 all the time, web01 climbs from 0 to 99 and starts again.
    assert_eq!(texts(browser, "tr[data-i='1'] td.max").await?, ["50"]);
    Ok(())
}

/// The crosshair snaps to a stored point and tells its exact value.
async fn read_a_value(browser: &WebDriver) -> WebDriverResult<()> {
    let plot = browser.find(By::Css(".plot")).await?;
    browser.action_chain().move_to_element_with_offset(&plot, 40, 10).perform().await?;
    until(browser, "return document.querySelectorAll('.tip tr').length === 2").await?;
    let moment = texts(browser, ".tip .moment").await?.remove(0);
    let (_, time) = moment.split_once(", ").expect("a date, a time");
    let parts: Vec<i64> = time.split(':').map(|part| part.parse().expect("a number")).collect();
    let at = NOW.0 - NOW.0.rem_euclid(86_400) + parts[0] * 3600 + parts[1] * 60 + parts[2];
    assert_eq!(at % 10, 0, "{moment} is the time of a point");
    let mut cells = texts(browser, ".tip td:nth-child(3)").await?;
    cells.sort();
    let mut expected = [climbing(at).to_string(), "50".to_owned()];
    expected.sort();
    assert_eq!(cells, expected, "at {moment}");
    Ok(())
}

/// A drag over the middle half shows that half; Backspace shows the whole again.
async fn zoom_and_back(browser: &WebDriver) -> WebDriverResult<()> {
    let whole = shown(browser).await?;
    let address = browser.current_url().await?;
    let plot = browser.find(By::Css(".plot")).await?;
    let width =
        i64::from(number(browser, "return Math.round(document.querySelector('.plot').clientWidth)").await? as i32);
    browser
        .action_chain()
        .move_to_element_with_offset(&plot, -width / 4, 0)
        .click_and_hold()
        .move_by_offset(width / 4, 0)
        .move_by_offset(width / 4, 0)
        .release()
        .perform()
        .await?;
    let narrower = format!("const g = document.getElementById('graph'); return g.dataset.from > {}", whole.0);
    until(browser, &narrower).await?;
    settled(browser, ".plot").await?;
    let zoomed = shown(browser).await?;
    let half = (whole.1 - whole.0) / 2;
    assert!(whole.0 < zoomed.0 && zoomed.1 < whole.1, "{zoomed:?} lies within {whole:?}");
    assert!((zoomed.1 - zoomed.0 - half).abs() < half / 4, "{zoomed:?} is about half of {whole:?}");
    let query: Vec<(String, String)> = browser.current_url().await?.query_pairs().into_owned().collect();
    let asked = |name: &str| query.iter().find(|(key, _)| key == name).expect("the address tells the range").1.clone();
    assert_eq!(field(browser, "from").await?, asked("from"), "the form follows");
    assert!(asked("from").ends_with("_20240402") && asked("until").ends_with("_20240402"), "{query:?}");
    let drawn = number(browser, "return Number(document.querySelector('.plot > svg').dataset.from)").await?;
    assert_eq!(drawn as i64, zoomed.0, "the picture is of the zoomed range");

    browser.action_chain().send_keys(Key::Backspace).perform().await?;
    until(browser, &format!("return document.getElementById('graph').dataset.from == {}", whole.0)).await?;
    assert_eq!(browser.current_url().await?, address);
    assert_eq!(field(browser, "from").await?, "-1h");
    Ok(())
}

/// A click on a name hides it, "only" leaves it alone.
async fn switch_series(browser: &WebDriver) -> WebDriverResult<()> {
    let hidden = "return [...document.querySelectorAll('.plot .series')].map((s) => s.getAttribute('display')).join()";
    browser.find(By::Css("tr[data-i='0'] .name")).await?.click().await?;
    assert_eq!(string(browser, hidden).await?, "none,");
    browser.find(By::Css("tr[data-i='0'] .name")).await?.click().await?;
    assert_eq!(string(browser, hidden).await?, ",");
    browser.find(By::Css("tr[data-i='0'] .only")).await?.click().await?;
    assert_eq!(string(browser, hidden).await?, ",none");
    browser.find(By::Css("tr[data-i='0'] .only")).await?.click().await?;
    assert_eq!(string(browser, hidden).await?, ",");
    Ok(())
}

/// `t` turns the light off, arrows move the crosshair from point to point.
async fn keys(browser: &WebDriver) -> WebDriverResult<()> {
    let ground = "return getComputedStyle(document.body).backgroundColor";
    let before = string(browser, ground).await?;
    browser.action_chain().send_keys("t").perform().await?;
    assert_ne!(string(browser, ground).await?, before);
    browser.execute("document.querySelector('.plot').focus()", vec![]).await?;
    browser.action_chain().send_keys(Key::Left).perform().await?;
    until(browser, "return document.querySelectorAll('.tip tr').length === 2").await?;
    let first = texts(browser, ".tip .moment").await?;
    browser.action_chain().send_keys(Key::Left).send_keys(Key::Left).perform().await?;
    assert_ne!(texts(browser, ".tip .moment").await?, first);
    Ok(())
}

/// A target that cannot be answered is marked where it goes wrong.
async fn wrong_target(browser: &WebDriver) -> WebDriverResult<()> {
    let field = browser.find(By::Id("target")).await?;
    field.clear().await?;
    field.send_keys("nosuch(servers.web01.cpu)" + Key::Enter).await?;
    settled(browser, ".wrong pre").await?;
    assert_eq!(texts(browser, ".wrong pre").await?, ["nosuch(servers.web01.cpu)\n^^^^^^"]);
    Ok(())
}

/// Live exchanges the picture for a fresh one by itself, but not under the eyes of someone who points at it.
async fn live(browser: &WebDriver) -> WebDriverResult<()> {
    let title = browser.find(By::Css(".when")).await?;
    browser.action_chain().move_to_element_center(&title).perform().await?;
    browser
        .execute("document.activeElement.blur(); document.querySelector('.plot svg').dataset.old = 1", vec![])
        .await?;
    browser.action_chain().send_keys("l").perform().await?;
    until(browser, "return !('old' in document.querySelector('.plot svg').dataset)").await?;
    assert_eq!(string(browser, "return document.getElementById('live').ariaPressed").await?, "true");
    browser.action_chain().send_keys("l").perform().await?;
    assert_eq!(string(browser, "return document.getElementById('live').ariaPressed").await?, "false");
    Ok(())
}

const STEP: Duration = Duration::from_millis(50);

fn climbing(at: i64) -> i64 {
    at / 10 % 100
}

/// Serves a store with an hour of points, one every ten seconds.
async fn serve(
    data: &std::path::Path,
) -> (std::net::SocketAddr, tokio::sync::oneshot::Sender<()>, tokio::task::JoinHandle<std::io::Result<()>>) {
    let store = WhisperStore::open(data, Rules::default(), StoreLimits::default()).expect("the store opens");
    let mut points = Vec::new();
    for (name, value) in [
        ("servers.web01.cpu", climbing as fn(i64) -> i64),
        ("servers.web02.cpu", |_| 50),
        ("stats.logins", |at| at / 10 % 7),
        (HOSTILE, |at| at / 10 % 3),
    ] {
        let series = store.resolve(name).expect("a name that can be stored");
        let times = (NOW.0 - 3600..=NOW.0).step_by(10);
        points.extend(times.map(|at| Point { series, at: Timestamp(at), value: value(at) as f64 }));
    }
    let report = store.write(NOW, &points);
    assert_eq!(report.dropped(), 0, "{report:?}");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it has an address");
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let app = App::new(Arc::new(store), || NOW);
    let serving = tokio::spawn(render::http::serve(listener, app, async move { stopped.await.unwrap_or(()) }));
    (address, stop, serving)
}

/// Waits until a script returns true.
async fn until(browser: &WebDriver, script: &str) -> WebDriverResult<()> {
    let tries = PATIENCE.as_millis() / STEP.as_millis();
    for _ in 0..tries {
        if browser.execute(script, vec![]).await?.json() == &serde_json::Value::Bool(true) {
            return Ok(());
        }
        tokio::time::sleep(STEP).await;
    }
    panic!("never came true: {script}\n{}", browser.source().await?);
}

/// The first such element, once the page that holds it is there.
async fn waited(browser: &WebDriver, by: By) -> WebDriverResult<WebElement> {
    browser.query(by).wait(PATIENCE, STEP).first().await
}

/// What stands in the elements, read at one moment: the page may exchange them at the next.
async fn texts(browser: &WebDriver, css: &str) -> WebDriverResult<Vec<String>> {
    let script = format!("return [...document.querySelectorAll(\"{css}\")].map((element) => element.innerText)");
    let told = browser.execute(&script, vec![]).await?;
    let texts = told.json().as_array().cloned().unwrap_or_default();
    Ok(texts.iter().map(|text| text.as_str().unwrap_or("").to_owned()).collect())
}

/// Waits until there is such an element, and for the picture to have been drawn as wide as its place.
async fn settled(browser: &WebDriver, css: &str) -> WebDriverResult<()> {
    let script = format!(
        "const plot = document.querySelector('.plot'); return document.querySelector(\"{css}\") !== null && (!plot || \
         Math.abs(plot.clientWidth - plot.querySelector('svg').viewBox.baseVal.width) < 8)"
    );
    until(browser, &script).await
}

async fn string(browser: &WebDriver, script: &str) -> WebDriverResult<String> {
    Ok(browser.execute(script, vec![]).await?.json().as_str().unwrap_or("").to_owned())
}

async fn number(browser: &WebDriver, script: &str) -> WebDriverResult<f64> {
    Ok(browser.execute(script, vec![]).await?.json().as_f64().unwrap_or(f64::NAN))
}

async fn field(browser: &WebDriver, name: &str) -> WebDriverResult<String> {
    string(browser, &format!("return document.querySelector('#query [name={name}]').value")).await
}

/// The range on the page, in seconds.
async fn shown(browser: &WebDriver) -> WebDriverResult<(i64, i64)> {
    let of = async |name: &str| {
        number(browser, &format!("return Number(document.getElementById('graph').dataset.{name})")).await
    };
    Ok((of("from").await? as i64, of("until").await? as i64))
}

/// Whether the browser runs scripts.
#[derive(Clone, Copy, PartialEq)]
enum Scripts {
    On,
    Off,
}

/// A chromedriver on a free port; it ends with the test.
struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    fn start() -> Option<Driver> {
        let missing = |what: &str| {
            let must = std::env::var("KYMO_BROWSER").is_ok_and(|value| value == "1");
            assert!(!must, "KYMO_BROWSER=1, but {what}");
            println!("SKIPPED the browser test: {what}; install chromium and chromium-driver");
        };
        let chromium = ["chromium", "chromium-browser", "google-chrome"];
        let is_there = |name: &&str| Command::new(name).arg("--version").output().is_ok_and(|out| out.status.success());
        if !chromium.iter().any(is_there) {
            missing("there is no chromium");
            return None;
        }
        let mut told = Vec::new();
        for _ in 0..ATTEMPTS {
            let command = &mut Command::new("chromedriver");
            let Ok(process) = command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn() else {
                missing("there is no chromedriver");
                return None;
            };
            // The process ends with its driver also where it never tells a port.
            let mut driver = Driver { process, port: 0 };
            let lines = BufReader::new(driver.process.stdout.take().expect("it was piped")).lines();
            for line in lines.map_while(Result::ok) {
                if let Some((_, port)) = line.split_once("started successfully on port ") {
                    driver.port = port.trim_end_matches('.').parse().expect("a port is a number");
                    return Some(driver);
                }
                told.push(line);
            }
        }
        panic!("chromedriver does not start:\n{}", told.join("\n"));
    }

    async fn open(&self, profile: &str, scripts: Scripts) -> WebDriverResult<WebDriver> {
        let mut wishes = DesiredCapabilities::chrome();
        if scripts == Scripts::Off {
            let javascript = "profile.managed_default_content_settings.javascript";
            wishes.add_experimental_option("prefs", serde_json::json!({ javascript: 2 }))?;
        }
        for flag in [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--disable-background-networking",
            "--no-first-run",
            "--window-size=1200,900",
        ] {
            wishes.add_arg(flag)?;
        }
        wishes.add_arg(&format!("--user-data-dir={profile}"))?;
        WebDriver::new(format!("http://127.0.0.1:{}", self.port), wishes).await
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have gone already; there is nothing else to do about it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
