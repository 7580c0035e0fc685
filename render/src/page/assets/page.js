// What scripts add to a page that is whole without them. Each module looks for its own part and leaves the rest alone.
import './keys.js';
import './complete.js';
import './names.js';
import { attach } from './plot.js';
import { dress } from './legend.js';
import { onSwap } from './view.js';
import './live.js';

const graph = () => document.getElementById('graph');
onSwap(() => {
  dress(graph());
  attach(graph());
});
