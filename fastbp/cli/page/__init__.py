"""The page that ``fastbp train --report`` writes: one HTML file with its own style and drawings, and no script."""
