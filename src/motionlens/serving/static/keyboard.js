// The keys of a clip, which work while its frames have the focus.

export function listenToKeys(pane) {
  const actions = {
    ArrowLeft: () => pane.move(0, 0, -1),
    ArrowRight: () => pane.move(0, 0, 1),
    ArrowUp: () => pane.move(0, -1, 0),
    ArrowDown: () => pane.move(0, 1, 0),
    "[": () => pane.move(-1, 0, 0),
    "]": () => pane.move(1, 0, 0),
    Home: () => pane.move(-pane.lastFrame, 0, 0),
    End: () => pane.move(pane.lastFrame, 0, 0),
    n: () => pane.rank(1),
    p: () => pane.rank(-1),
    m: () => pane.events.nextModule(),
    h: () => pane.events.toggleHeat(),
    " ": () => pane.play(),
  };
  pane.strip.addEventListener("keydown", (event) => {
    if (!pane.module || event.ctrlKey || event.metaKey || event.altKey) return;
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
