"""What views are made of: the box, its status line, tables, sliders, figures, and work in the background."""
