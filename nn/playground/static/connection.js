// The WebSocket to the session, which is opened again where it is lost.

const RETRY = 700; // milliseconds

const RIVAL = "rival_";

/**
 * The arrays of a frame by their names, each as {data, shape}, with the header's other entries beside them; those of a second
 * network in `rival`.
 */
export function decodeFrame(buffer) {
  const bytes = new Uint8Array(buffer), end = bytes.indexOf(10);
  const { arrays, ...frame } = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
  const kinds = { float64: Float64Array, int8: Int8Array };
  let start = end + 1;
  for (const [name, kind, shape] of arrays) {
    const size = shape.reduce((product, n) => product * n, 1);
    const array = { data: new kinds[kind](buffer, start, size), shape };
    if (!name.startsWith(RIVAL)) frame[name] = array;
    else (frame.rival ??= { steps: frame.steps })[name.slice(RIVAL.length)] = array;
    start += size * kinds[kind].BYTES_PER_ELEMENT;
  }
  return frame;
}

/**
 * Calls `on.answer(message)` for JSON, `on.frame(frame)` for frames, `on.open()` when the server says welcome, and
 * `on.lost()` when the connection broke. `send(type, arguments)` says whether it could be sent.
 */
export function connect(on) {
  let socket = null;

  function open() {
    socket = new WebSocket(`ws://${location.host}/session`);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      if (typeof data !== "string") return on.frame(decodeFrame(data));
      const message = JSON.parse(data);
      return message.type === "welcome" ? on.open(message) : on.answer(message);
    };
    socket.onclose = () => {
      socket = null;
      on.lost();
      setTimeout(open, RETRY);
    };
  }

  open();
  return (type, rest = {}) => {
    if (socket?.readyState !== WebSocket.OPEN) return false;
    socket.send(JSON.stringify({ type, ...rest }));
    return true;
  };
}
