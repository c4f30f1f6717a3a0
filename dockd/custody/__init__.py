"""Who answers for what: the witnesses of the register."""
