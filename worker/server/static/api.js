// What the page asks of its server. A token, where one is demanded, goes with every request and stays in this tab.

const KEY = "stridegraph.token";
const given = new URLSearchParams(location.hash.slice(1)).get("token");
let token = given || remembered();
if (given) {
  remember(given);
  history.replaceState(null, "", location.pathname + location.search);
}

function remembered() {
  try { return sessionStorage.getItem(KEY) || ""; } catch { return ""; }
}

export function remember(text) {
  token = text;
  try { sessionStorage.setItem(KEY, text); } catch { /* then it is for this page alone */ }
}

export class Failure extends Error {
  constructor(status, error, remedy) {
    super(error);
    Object.assign(this, { status, remedy });
  }
}

/** Ask for JSON. Throws Failure: status 0 where nobody answers. */
export async function ask(path, { graph, body, ...query } = {}) {
  const asked = new URLSearchParams(Object.entries({ graph, ...query }).filter(([, value]) => value != null));
  const headers = { Accept: "application/json", ...(token && { Authorization: `Bearer ${token}` }) };
  if (body) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(`${path}${asked.size ? `?${asked}` : ""}`, {
      headers, method: body ? "POST" : "GET", body: body && JSON.stringify(body), signal: AbortSignal.timeout(30_000),
    });
  } catch {
    throw new Failure(0, "The server does not answer.", "");
  }
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Failure(answer.status, told.error || answer.statusText, told.remedy || "");
  return told;
}

const LONGEST = 5000; // ms between two attempts
const KINDS = "frame.start.v1,stimulus.injected.v1,stride.exec.v1,node.flip.v1,entity.boundary.v1,frame.end.v1,worker.state.v1";

/** Follow the events, again and again, from the last frame that was seen on. */
export class Events {
  constructor(graph, { event, batch, open, lost }) {
    Object.assign(this, { graph, event, batch, open, lost, frame: null, wait: 250, socket: null, timer: 0, over: false });
    this.connect();
  }

  connect() {
    const asked = new URLSearchParams({ kinds: KINDS, graph: this.graph });
    if (this.frame !== null) asked.set("after", this.frame);
    const where = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/events?${asked}`;
    const socket = (this.socket = new WebSocket(where, token ? ["stridegraph", `bearer.${token}`] : ["stridegraph"]));
    socket.onopen = () => {
      this.wait = 250;
      this.open();
    };
    socket.onmessage = ({ data }) => {
      for (const line of data.split("\n")) {
        if (!line) continue;
        const event = JSON.parse(line);
        if (event.kind === "frame.end.v1" || event.kind === "snapshot.v1") this.frame = event.frame;
        this.event(event);
      }
      this.batch();
    };
    socket.onclose = () => {
      if (this.over) return;
      this.lost(this.wait);
      this.timer = setTimeout(() => this.connect(), this.wait);
      this.wait = Math.min(LONGEST, 2 * this.wait);
    };
  }

  close() {
    this.over = true;
    clearTimeout(this.timer);
    this.socket.close();
  }
}
