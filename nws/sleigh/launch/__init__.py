"""Starting what a sleigh needs: supervisors here and elsewhere, and a private server."""
