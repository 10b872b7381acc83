//! A browser's side of the admin UI, without its scripts: forms and pages.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::api::{Answer, App, Client};

/// A browser that is logged in.
pub struct Browser {
    pub client: Client,
    pub cookie: String,
}

impl Browser {
    pub async fn open(app: &App) -> Self {
        let client = app.admin().without_token();
        let link = app.server.login_link().unwrap();
        let code = link.split_once("code=").unwrap().1.to_owned();
        let mut browser = Self { client, cookie: String::new() };
        let opened = browser.send("/login", &[("code", &code)]).await.expect(303);
        browser.cookie = opened.header("set-cookie").split(';').next().unwrap().to_owned();
        browser
    }

    pub async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let body: Vec<_> = fields.iter().map(|(name, text)| format!("{}={}", encode(name), encode(text))).collect();
        let request =
            self.client.request("POST", path).header("origin", self.client.url()).header("cookie", &self.cookie);
        let kind = ("content-type", "application/x-www-form-urlencoded");
        self.client.send(request.header(kind.0, kind.1).body(body.join("&"))).await
    }

    pub async fn page(&self, path: &str) -> String {
        self.client.send(self.client.request("GET", path).header("cookie", &self.cookie)).await.expect(200).text()
    }
}
