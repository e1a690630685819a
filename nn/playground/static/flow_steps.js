// The way of one training point through the network and back, cut into the steps in which it is shown.

import { format } from "./dom.js";

const DIGITS = 3;
const MOST_PRODUCTS = 4;

export const number = (x) => format(x, DIGITS);

/** A number as a factor: what is negative stands in brackets. */
const factor = (x) => (x < 0 ? `(${number(x)})` : number(x));

/** A sum as one writes it, with what is negative in it subtracted. */
const sumOf = (numbers) => numbers.map((x, i) => (!i ? number(x) : `${x < 0 ? "−" : "+"} ${number(Math.abs(x))}`)).join(" ");

/** The sum of products of pairs; of many, the results alone. */
const products = (pairs) => (pairs.length > MOST_PRODUCTS ? sumOf(pairs.map(([x, y]) => x * y)) : pairs.map(([x, y]) => product(x, y)).join(" + "));

/** A product for a line, with its result and, where there is no room, that alone. */
const result = (x, y) => ({ text: `${product(x, y)} = ${number(x * y)}`, short: number(x * y) });

const product = (x, y) => `${factor(x)} · ${factor(y)}`;

/**
 * The steps of a "flow" of the server: each has the `lines` that light up, {k, j, i, text, short}, whether it goes `back`,
 * up to which neuron the outputs are known (`upTo`), how many deltas are (`known`, in the order of `order`), and `words`.
 */
export function stepsOf(flow, { settings, layers, names }) {
  const { inputs, sums, outputs, gradients, slopes, deltas, parameters, target, loss } = flow;
  const activation = settings.activation.replace("_", " "), last = layers.length - 1;
  const order = layers.flatMap(({ neurons }, k) => Array.from({ length: neurons }, (_, j) => [k, j])).reverse();
  const before = (k) => (k ? outputs[k - 1] : inputs);
  const source = (k, i) => (k ? `a${k}[${i + 1}]` : names[i]);
  const weight = (k, j, i) => parameters[layers[k].start + j * layers[k].inputs + i];
  const bias = (k, j) => parameters[layers[k].bias + j];
  const output = outputs[last][0], isLinear = (k) => k === last || activation === "linear";

  function forward(k, j) {
    const lines = before(k).map((x, i) => ({ k, j, i, ...result(weight(k, j, i), x) }));
    const a = k === last ? "output" : `a${k + 1}[${j + 1}]`, z = isLinear(k) ? a : `z${k + 1}[${j + 1}]`;
    const sum = `${z} = ${products(before(k).map((x, i) => [weight(k, j, i), x]))} + ${factor(bias(k, j))} = ${number(sums[k][j])}`;
    const made = isLinear(k) ? "" : `\n${a} = ${activation}(${number(sums[k][j])}) = ${number(outputs[k][j])}`;
    return { lines, back: false, upTo: [k, j], known: 0, words: `A neuron adds up weight times input, and its bias${made ? `; then comes ${activation}` : ""}.\n${sum}${made}` };
  }

  function judge() {
    const slope = gradients[last][0];
    const words = settings.problem === "classification"
      ? `p = σ(${number(output)}) = ${number(1 / (1 + Math.exp(-output)))} and the class is ${number(target)}: the loss is ${number(loss)}.\n` +
        `d loss/d output = p − class = ${number(1 / (1 + Math.exp(-output)))} − ${number(target)} = ${number(slope)}`
      : `The output is ${number(output)} and the target ${number(target)}: the loss is ½ (output − target)² = ${number(loss)}.\n` +
        `d loss/d output = output − target = ${number(output)} − ${factor(target)} = ${number(slope)}`;
    return { lines: [], back: true, upTo: [last, 0], known: 1, words };
  }

  /** What neuron j of layer k receives from the layer after it, times the slope of its activation. */
  function gather(k, j, known) {
    const after = deltas[k + 1];
    const lines = after.map((delta, n) => ({ k: k + 1, j: n, i: j, ...result(delta, weight(k + 1, n, j)) }));
    const a = `a${k + 1}[${j + 1}]`, z = `z${k + 1}[${j + 1}]`;
    const sum = `d loss/d ${a} = ${products(after.map((delta, n) => [delta, weight(k + 1, n, j)]))} = ${number(gradients[k][j])}`;
    const delta = isLinear(k) ? `d loss/d ${z} is the same.`
      : `d loss/d ${z} = ${factor(gradients[k][j])} · ${activation}′(${number(sums[k][j])}) = ${product(gradients[k][j], slopes[k][j])} = ${number(deltas[k][j])}`;
    return { lines, back: true, upTo: [last, 0], known, words: `What comes back to ${a}: delta times weight, over all lines.\n${sum}\n${delta}` };
  }

  /** The gradients of the weights of neuron j of layer k: its delta times their inputs. */
  function weights(k, j, known) {
    const delta = deltas[k][j];
    const lines = before(k).map((x, i) => ({ k, j, i, ...result(delta, x) }));
    const first = `d loss/d w${k + 1}[${j + 1},1] = d loss/d z${k + 1}[${j + 1}] · ${source(k, 0)} = ${product(delta, before(k)[0])} = ${number(delta * before(k)[0])}`;
    return { lines, back: true, upTo: [last, 0], known, words: `The gradient of a weight: delta times its input.\n${first}\nd loss/d b${k + 1}[${j + 1}] = ${number(delta)}` };
  }

  const start = { lines: [], back: false, upTo: [-1, 0], known: 0, words: `Training point ${flow.sample + 1} comes in: ${inputs.map((x, i) => `${names[i]} = ${number(x)}`).join(", ")}.` };
  const backward = order.flatMap(([k, j], n) => (k === last ? [weights(k, j, n + 1)] : [gather(k, j, n + 1), weights(k, j, n + 1)]));
  const end = { lines: [], back: true, upTo: [last, 0], known: order.length, words: "Now every weight has its gradient: a step of the optimiser changes all of them at once, by the mean over a batch." };
  return { order, steps: [start, ...[...order].reverse().map(([k, j]) => forward(k, j)), judge(), ...backward, end] };
}
