import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { ProbeAnswer } from "../plan/facts.ts";
import { describeSocketError } from "./connection.ts";
import type { Exchange } from "./probe-pool.ts";

/** Asks once over HTTP: calls back as a Question of the pool does. */
export type HttpAsk = (url: URL, answered: (answer: ProbeAnswer) => void) => Exchange;

// Agents of our own: no connection is kept or shared, and no proxy of the environment comes in between.
const httpAgent = new HttpAgent({ keepAlive: false });
const httpsAgent = new HttpsAgent({ keepAlive: false });

/** One GET. The status line and headers are the answer: a redirect is not followed, and of a body no more is read than came with the headers. */
export const askOverHttp: HttpAsk = (url, answered) => {
  let settled = false;
  const request =
    url.protocol === "https:"
      ? httpsRequest(url, { agent: httpsAgent, method: "GET" })
      : httpRequest(url, { agent: httpAgent, method: "GET" });
  const settle = (answer: ProbeAnswer): void => {
    if (settled) return;
    settled = true;
    request.destroy();
    answered(answer);
  };
  request.once("response", ({ statusCode }) => settle({ answer: "status", status: statusCode ?? 0 }));
  request.once("upgrade", ({ statusCode }, socket) => {
    // From here on the socket is no longer the request's.
    socket.destroy();
    settle({ answer: "status", status: statusCode ?? 0 });
  });
  // Stays: a destroyed request may still say that it was.
  request.on("error", (error) => settle(answerTo(error)));
  request.once("close", () => settle({ answer: "failed", why: NO_ANSWER }));
  request.end();
  return {
    cancel: () => {
      settled = true;
      request.destroy();
    },
  };
};

const NO_ANSWER = "the connection was closed without an answer";

function answerTo(error: Error): ProbeAnswer {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  if (code === "ECONNREFUSED") return { answer: "refused" };
  if (code === "HPE_HEADER_OVERFLOW") return { answer: "failed", why: "the headers of the answer do not end" };
  // The parser's own words differ from one version of Node to the next.
  if (code.startsWith("HPE_")) return { answer: "failed", why: "what came is no HTTP" };
  // Node gives an end of the connection the code of a reset.
  if (error.message === "socket hang up") return { answer: "failed", why: NO_ANSWER };
  return { answer: "failed", why: describeSocketError(error) };
}
