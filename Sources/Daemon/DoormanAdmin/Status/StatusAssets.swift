/// The files that the status page uses. They are constants, so that the program needs no files of its own.
enum StatusAssets {
    /// Replaces the page's figures every two seconds while the page is visible.
    static let script = #"""
        "use strict";

        const interval = 2000;
        const patience = 5000;
        const live = document.getElementById("live");
        let timer;

        function say(text, kind) {
          live.textContent = text;
          live.className = kind;
        }

        async function update() {
          try {
            const response = await fetch("/status", { cache: "no-store", signal: AbortSignal.timeout(patience) });
            if (!response.ok) throw new Error(`status ${response.status}`);
            const page = new DOMParser().parseFromString(await response.text(), "text/html");
            const next = page.getElementById("status");
            if (next === null) throw new Error("another page");
            // A reader who has selected text wants to copy it.
            if (document.getSelection().isCollapsed) {
              document.getElementById("status").replaceWith(document.adoptNode(next));
              document.title = page.title;
            }
            say("Live: updates every 2 seconds.", "live");
          } catch {
            say(`No answer since ${new Date().toLocaleTimeString()}: these figures are old.`, "lost");
          }
        }

        async function run() {
          clearTimeout(timer);
          await update();
          if (!document.hidden) timer = setTimeout(run, interval);
        }

        document.addEventListener("visibilitychange", () => {
          clearTimeout(timer);
          if (!document.hidden) run();
        });
        say("Live: updates every 2 seconds.", "live");
        timer = setTimeout(run, interval);

        """#

    static let icon = #"""
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M3 15V2l8-1v14z" fill="#2563a8"/>\#
        <path d="M11 3h2v12h-2z" fill="#8fb4dd"/><circle cx="9" cy="8.5" r="1" fill="#fff"/></svg>

        """#

    static let style = #"""
        :root {
          color-scheme: light dark;
          --page: #f5f6f8; --card: #fff; --text: #1c2128; --soft: #5b6472; --line: #dde1e7;
          --accent: #2563a8; --fill: #2563a822; --good: #1a7f4b; --warn: #9a6200; --bad: #c0272d;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --page: #14171c; --card: #1d2128; --text: #e4e8ee; --soft: #99a3b1; --line: #323843;
            --accent: #6ea8e8; --fill: #6ea8e826; --good: #4cc38a; --warn: #e0a63c; --bad: #ff7b7b;
          }
        }
        * { box-sizing: border-box; }
        body {
          margin: 0 auto; max-width: 84rem; padding: 1.25rem; background: var(--page); color: var(--text);
          font: 0.9375rem/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
        }
        h1, h2, h3, p, dl, dd { margin: 0; }
        h1 { font-size: 1.5rem; display: flex; flex-wrap: wrap; align-items: center; gap: 0.6rem; }
        h2 { font-size: 1rem; margin-bottom: 0.5rem; }
        h3 { font-size: 0.875rem; margin: 1rem 0 0.25rem; color: var(--soft); }
        header { margin-bottom: 1.25rem; }
        header p, section > p, footer { color: var(--soft); overflow-wrap: anywhere; }
        header .cause { color: var(--warn); font-weight: 600; }
        a { color: var(--accent); }
        code { font: 0.875em ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
        small { color: var(--soft); }

        .state {
          display: inline-block; padding: 0 0.55em; border: 1px solid currentColor; border-radius: 1em;
          font-size: 0.8125rem; font-weight: 600; line-height: 1.5; white-space: nowrap;
        }
        .good { color: var(--good); }
        .warn { color: var(--warn); }
        .bad { color: var(--bad); }

        .cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(10.5rem, 100%), 1fr)); gap: 1rem; margin-bottom: 1rem; }
        .sections { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr)); gap: 0 1rem; }
        section { background: var(--card); border: 1px solid var(--line); border-radius: 0.5rem; padding: 1rem; }
        .sections section { margin-bottom: 1rem; }
        .card h2 { font-weight: 500; color: var(--soft); margin: 0; }
        .card .value { font-size: 1.75rem; font-weight: 600; line-height: 1.3; color: var(--text); font-variant-numeric: tabular-nums; }
        .card .detail, .axis { font-size: 0.8125rem; color: var(--soft); }
        .axis { display: flex; justify-content: space-between; gap: 0.5rem; }
        .axis span:last-child { white-space: nowrap; }

        .plot { display: block; width: 100%; height: 3.75rem; margin-top: 0.5rem; border-bottom: 1px solid var(--line); }
        .plot polyline { fill: none; stroke: var(--accent); stroke-width: 1.5; stroke-linejoin: round; }
        .plot polygon { fill: var(--fill); }
        .bar { display: block; width: 100%; height: 0.3rem; margin-top: 0.2rem; border-radius: 0.15rem; }
        .bar .all { fill: var(--line); }
        .bar .used { fill: var(--accent); }
        .bar.warn .used { fill: var(--warn); }
        .bar.bad .used { fill: var(--bad); }

        table { width: 100%; border-collapse: collapse; margin-top: 0.25rem; }
        section > table + p { margin: 0.75rem 0; }
        th, td { padding: 0.3rem 0.75rem 0.3rem 0; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
        th { border-top: 0; font-size: 0.8125rem; font-weight: 500; color: var(--soft); }
        th:last-child, td:last-child { padding-right: 0; }
        td { overflow-wrap: anywhere; }
        .number { text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
        .none { color: var(--soft); }
        dl > div { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 0.75rem; padding: 0.3rem 0; border-top: 1px solid var(--line); }
        dl > div:first-child { border-top: 0; }
        dt { overflow-wrap: anywhere; }
        dd { text-align: right; font-variant-numeric: tabular-nums; }

        footer { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0.5rem 2rem; margin-top: 0.5rem; }
        .lost { color: var(--bad); font-weight: 600; }
        @media (max-width: 34rem) {
          body { padding: 0.75rem; }
          section { padding: 0.75rem; }
          th, td { padding-right: 0.4rem; font-size: 0.8125rem; }
        }

        """#
}
